//! What the shop does, without HTTP: it sells, it can be asked how it is, and it has a bug.
//!
//! | checkout | connection | answer |
//! |---|---|---|
//! | usual | taken, used, given back | the order is placed |
//! | every `leak_every`-th: the card is declined | taken, used, **kept** | the order is declined |
//! | no connection free within [`Shop::patience`] | - | pool exhausted |

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::log::{Level, Line, Log};
use super::metrics::Metrics;
use super::pool::{Exhausted, Pool};

/// How long a checkout or a health check waits for a connection.
pub(super) const PATIENCE: Duration = Duration::from_millis(200);

/// The shop.
pub(super) struct Shop {
    pub metrics: Metrics,
    pub log: Arc<dyn Log>,
    pool: Pool,
    leak_every: u64,
    patience: Duration,
    checkouts: AtomicU64,
}

/// A thing on sale.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Product {
    sku: &'static str,
    name: &'static str,
    price: &'static str,
}

pub(super) const PRODUCTS: [Product; 6] = [
    Product { sku: "LAMP-01", name: "Ghost light, brass", price: "89.00" },
    Product { sku: "LAMP-02", name: "Ghost light, steel", price: "64.50" },
    Product { sku: "BULB-60", name: "Carbon filament bulb", price: "12.90" },
    Product { sku: "CORD-05", name: "Cloth cord, 5 m", price: "18.00" },
    Product { sku: "STND-01", name: "Folding stand", price: "31.90" },
    Product { sku: "CAGE-01", name: "Wire cage", price: "14.20" },
];

/// How a checkout ended that had a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Order {
    pub order: u64,
    pub status: &'static str,
    pub amount: String,
}

impl Shop {
    pub fn new(pool: u32, leak_every: u64, patience: Duration, log: Arc<dyn Log>) -> Self {
        let (metrics, checkouts) = (Metrics::default(), AtomicU64::new(0));
        Self { metrics, log, pool: Pool::new(pool), leak_every, patience, checkouts }
    }

    /// Sells something.
    pub async fn checkout(&self) -> Result<Order, Exhausted> {
        let number = self.checkouts.fetch_add(1, Ordering::Relaxed) + 1;
        let order = 1000 + number;
        let basket = Basket::of(number);
        let began = Instant::now();
        let connection = self.pool.take(self.patience).await.inspect_err(|exhausted| {
            let line = Line::new(Level::Error, "pool", "pool exhausted, no connection came free in time");
            let waited_ms = began.elapsed().as_millis();
            let line = line.with("order", order).with("waited_ms", waited_ms);
            self.log.write(line.with("in_use", exhausted.size - exhausted.free).with("size", exhausted.size));
        })?;
        // The query. None takes longer than one waits for a connection.
        tokio::time::sleep(basket.query_time.min(self.patience)).await;
        if self.leak_every > 0 && number.is_multiple_of(self.leak_every) {
            let line = Line::new(Level::Warn, "payment", "card declined").with("order", order);
            self.log.write(line.with("reason", "insufficient_funds"));
            // The bug: this path returns early, and the connection is never given back.
            connection.lose();
            return Ok(Order { order, status: "declined", amount: basket.amount });
        }
        drop(connection);
        self.log_sale(number, order, &basket, began.elapsed());
        Ok(Order { order, status: "placed", amount: basket.amount })
    }

    /// Whether it could sell something right now: whether a connection can be taken.
    pub async fn health(&self) -> Result<(), Exhausted> {
        self.pool.take(self.patience).await.map(drop)
    }

    /// The metrics as text.
    pub fn rendered_metrics(&self) -> String {
        self.metrics.render(self.pool.in_use(), self.pool.size())
    }

    /// What a shop says on an ordinary day: most of it says nothing.
    fn log_sale(&self, number: u64, order: u64, basket: &Basket, took: Duration) {
        let info = |component, message| Line::new(Level::Info, component, message);
        let placed = info("checkout", "order placed").with("order", order).with("items", basket.items);
        self.log.write(placed.with("amount", &basket.amount).with("ms", took.as_millis()));
        let product = PRODUCTS[(number % 6) as usize];
        match number % 12 {
            3 => self
                .log
                .write(info("cart", "session restored").with("session", format!("{:08x}", mix(number)))),
            5 => self.log.write(info("mail", "confirmation queued").with("order", order)),
            7 => self.log.write(
                Line::new(Level::Warn, "inventory", "stock is low")
                    .with("sku", product.sku)
                    .with("left", 2 + mix(number) % 7),
            ),
            9 => self
                .log
                .write(info("cache", "prices refreshed").with("entries", PRODUCTS.len()).with("ms", 2)),
            11 => {
                self.log.write(info("shipping", "label printed").with("order", order).with("carrier", "post"))
            }
            _ => {}
        }
    }
}

/// What a customer brings, which follows from the number of the checkout.
struct Basket {
    items: u64,
    amount: String,
    query_time: Duration,
}

impl Basket {
    fn of(number: u64) -> Self {
        let mixed = mix(number);
        let cents = 1290 + mixed % 15_000;
        Self {
            items: 1 + mixed % 4,
            amount: format!("{}.{:02}", cents / 100, cents % 100),
            query_time: Duration::from_millis(2 + mixed % 9),
        }
    }
}

/// Numbers that look random and repeat from start to start (the finaliser of splitmix64, 32 bits of it).
fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) >> 32
}

#[cfg(test)]
mod tests {
    use super::super::log::tests::Remembered;
    use super::*;

    fn shop(pool: u32, leak_every: u64) -> (Arc<Remembered>, Shop) {
        let log = Arc::new(Remembered::default());
        (log.clone(), Shop::new(pool, leak_every, Duration::ZERO, log))
    }

    fn lines(log: &Remembered) -> Vec<String> {
        log.0.lock().expect("no test panics with the log").clone()
    }

    #[tokio::test]
    async fn a_shop_that_leaks_fails_once_its_pool_is_dry() {
        let (_, shop) = shop(2, 3);
        let mut answers = Vec::new();
        for _ in 0..8 {
            answers.push(shop.checkout().await.map(|order| order.status));
        }
        let dry = Err(Exhausted { free: 0, size: 2 });
        let (placed, declined) = (Ok("placed"), Ok("declined"));
        assert_eq!(answers, [placed, placed, declined, placed, placed, declined, dry, dry]);
        assert_eq!(shop.health().await, Err(Exhausted { free: 0, size: 2 }));
        assert!(shop.rendered_metrics().contains("shop_pool_in_use 2\n"));
    }

    #[tokio::test]
    async fn a_shop_without_the_bug_goes_on_selling() {
        let (log, shop) = shop(1, 0);
        for _ in 0..100 {
            assert!(shop.checkout().await.is_ok());
        }
        assert_eq!(shop.health().await, Ok(()));
        assert!(lines(&log).iter().all(|line| !line.starts_with("ERROR")));
    }

    #[tokio::test]
    async fn a_dry_pool_brings_an_error_the_log_never_had() {
        let (log, shop) = shop(1, 20);
        for _ in 0..20 {
            let _ = shop.checkout().await;
        }
        let before = lines(&log);
        assert!(before.iter().all(|line| !line.starts_with("ERROR")));
        assert!(
            before.last().is_some_and(|line| line.starts_with("WARN  payment   card declined order=1020"))
        );
        let components: std::collections::BTreeSet<&str> =
            before.iter().filter_map(|line| line[6..].split(' ').next()).collect();
        assert!(components.len() >= 6, "the noise has several templates: {components:?}");

        let _ = shop.checkout().await;
        let error = lines(&log).pop();
        let template =
            "ERROR pool      pool exhausted, no connection came free in time order=1021 waited_ms=";
        assert!(error.as_ref().is_some_and(|line| line.starts_with(template)), "{error:?}");
        assert!(error.is_some_and(|line| line.ends_with(" in_use=1 size=1")));
    }
}
