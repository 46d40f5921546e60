//! The first act: the shop is started, customers come, and a monitor looks until it finds the shop sick.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::screen::Screen;
use super::stage::Stage;
use crate::cli::watch::{self, Answers, Teller};
use crate::cli::{CliError, Exit, with_causes};
use crate::client::{Client, Given, StartFrom};
use crate::shop::{self, LoadReport, ShopState, StartOptions};

/// Connections of the shop's pool. One is lost in so many checkouts, so that it breaks a few seconds after it started.
const POOL: u32 = 8;
const LEAK_EVERY: u64 = 30;
const CHECKOUTS_PER_SECOND: u32 = 40;
/// Between two looks of the monitor.
const LOOK_EVERY: Duration = Duration::from_millis(700);
/// The shop breaks within a few seconds; should it not, there is nothing to show.
const SICK_WITHIN: Duration = Duration::from_secs(60);
const HEALTH_PATIENCE: Duration = Duration::from_secs(2);

/// A shop in use.
pub(super) struct Outage {
    shop: ShopState,
    log: std::path::PathBuf,
    /// Dropping it ends the customers.
    customers_go_home: oneshot::Sender<()>,
    customers: JoinHandle<Result<LoadReport, reqwest::Error>>,
}

/// What the monitor saw.
#[derive(Debug, Clone, Default)]
pub(super) struct Looks {
    /// How often it looked, the last time included.
    pub count: u32,
    /// The HTTP status that it got the last time.
    pub status: Option<u64>,
    /// From the first look to the one that found it sick.
    pub took: Duration,
    /// The run that found it.
    pub run: String,
}

impl Outage {
    /// Starts the shop, and lets customers in.
    pub async fn begin(stage: &Stage, screen: &mut Screen) -> Result<Self, CliError> {
        let program = std::env::current_exe()
            .map_err(|error| CliError::usage(format!("this program does not know where it is: {error}")))?;
        let options = StartOptions {
            program,
            state: stage.shop_state(),
            log: stage.shop_log(),
            listen: None,
            pool: POOL,
            leak_every: LEAK_EVERY,
        };
        let shop =
            shop::start(&options).await.map_err(|error| CliError::new(Exit::Failed, with_causes(&error)))?;
        screen.shop_is_open(&shop, CHECKOUTS_PER_SECOND);
        let (customers_go_home, end) = oneshot::channel::<()>();
        let listen = shop.listen;
        let until = async move {
            // Told or dropped: both mean that it is over.
            let _ = end.await;
        };
        let customers = tokio::task::spawn_local(shop::load(listen, CHECKOUTS_PER_SECOND, until));
        Ok(Self { shop, log: stage.shop_log(), customers_go_home, customers })
    }

    /// Runs the monitor again and again, until it finds the shop sick.
    pub async fn watch_until_sick(
        &mut self,
        client: &Client,
        screen: &mut Screen,
    ) -> Result<Looks, CliError> {
        let began = Instant::now();
        let mut looks = Looks::default();
        let monitor = StartFrom::Workflow("service-monitor".to_owned());
        let input = json!({ "health_url": self.address("health") });
        let given = Given { input, labels: json!({ "service": "shop" }), ..Given::default() };
        screen.monitor_looks();
        while began.elapsed() < SICK_WITHIN {
            let run = client.start_run(&monitor, &given).await?.value;
            let ended = watch::follow(client, &run.id, &Answers::Elsewhere, &mut Teller::new(false)).await?;
            let output = ended.output.unwrap_or(Value::Null);
            looks.count += 1;
            looks.status = output["status"].as_u64();
            if ended.status != "completed" {
                let why = ended.error.map(|error| error.message).unwrap_or_default();
                return Err(CliError::new(Exit::Failed, format!("the monitor could not look: {why}")));
            }
            if output["healthy"] == Value::Bool(false) {
                looks.took = began.elapsed();
                looks.run = ended.id;
                return Ok(looks);
            }
            screen.looked(&looks, output["latency_ms"].as_u64());
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let waited = SICK_WITHIN.as_secs();
        Err(CliError::new(
            Exit::Timeout,
            format!("the shop did not break within {waited} s: there is nothing to show"),
        ))
    }

    /// What the incident's run is given.
    pub fn input(&self) -> Value {
        json!({
            "service": "shop",
            "health_url": self.address("health"),
            "metrics_url": self.address("metrics"),
            "dependency_url": format!("http://{}/health", self.shop.database),
            "log": self.log,
        })
    }

    /// Asks the shop itself, past everything of ours.
    pub async fn is_healthy(&self) -> bool {
        let Ok(client) = reqwest::Client::builder().no_proxy().timeout(HEALTH_PATIENCE).build() else {
            return false;
        };
        let answer = client.get(self.address("health")).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Sends the customers home, and tells how they fared.
    pub async fn end(self) -> Result<LoadReport, CliError> {
        drop(self.customers_go_home);
        let failed = |error: &dyn std::error::Error| CliError::new(Exit::Failed, with_causes(error));
        self.customers.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
    }

    fn address(&self, path: &str) -> String {
        format!("http://{}/{path}", self.shop.listen)
    }
}
