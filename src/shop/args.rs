//! What the two hidden subcommands take.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

/// `ghostlight shop`: run the example shop.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ShopArgs {
    /// Where the shop listens, such as `127.0.0.1:4810`
    #[arg(long, value_name = "ADDR")]
    pub listen: SocketAddr,

    /// Where its database listens; by default one port above the shop's
    #[arg(long, value_name = "ADDR")]
    pub database: Option<SocketAddr>,

    /// The log file, which is appended to
    #[arg(long, value_name = "FILE")]
    pub log: PathBuf,

    /// Write the process id (and, on the next line, when the process started) to this file
    #[arg(long, value_name = "FILE")]
    pub pid_file: Option<PathBuf>,

    /// How many connections to the database there are
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub pool: u32,

    /// Lose one connection in this many checkouts; 0 for never
    #[arg(long, value_name = "K", default_value_t = 0)]
    pub leak_every: u64,

    /// Leave the session of whoever started it, so that it outlives them
    #[arg(long)]
    pub own_session: bool,
}

impl ShopArgs {
    /// Where the database listens. A shop on any free port gets a database on any free port.
    pub fn database_address(&self) -> SocketAddr {
        let above = || match self.listen.port() {
            0 | u16::MAX => 0,
            port => port + 1,
        };
        self.database.unwrap_or_else(|| SocketAddr::new(self.listen.ip(), above()))
    }
}

/// `ghostlight shop-restart`: restart the example shop, as a command agent.
///
/// Reads one document of the command protocol from stdin, and writes progress and the result to stdout.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ShopRestartArgs {
    /// The folder with the shop's state
    #[arg(long, env = super::STATE_VARIABLE, value_name = "DIR")]
    pub state: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        shop: ShopArgs,
    }

    fn parsed(arguments: &[&str]) -> Result<ShopArgs, clap::Error> {
        let command = ["shop", "--log", "shop.log"].iter().chain(arguments);
        Cli::try_parse_from(command).map(|cli| cli.shop)
    }

    #[test]
    fn the_database_is_one_port_above_the_shop_unless_told() {
        let database = |arguments: &[&str]| parsed(arguments).map(|shop| shop.database_address().to_string());
        assert_eq!(database(&["--listen", "127.0.0.1:4810"]).ok().as_deref(), Some("127.0.0.1:4811"));
        assert_eq!(database(&["--listen", "127.0.0.1:0"]).ok().as_deref(), Some("127.0.0.1:0"));
        assert_eq!(database(&["--listen", "127.0.0.1:65535"]).ok().as_deref(), Some("127.0.0.1:0"));
        let told = ["--listen", "127.0.0.1:1", "--database", "127.0.0.1:9"];
        assert_eq!(database(&told).ok().as_deref(), Some("127.0.0.1:9"));
    }

    #[test]
    fn a_pool_has_at_least_one_connection() {
        assert!(parsed(&["--listen", "127.0.0.1:0", "--pool", "0"]).is_err());
    }
}
