//! What the process itself takes, from `/proc`. Nothing is written where there is none.

use super::text::Page;

/// Pages of `/proc/self/statm` on all platforms that we run on have the size that the kernel says.
fn page_bytes() -> u64 {
    u64::try_from(rustix::param::page_size()).unwrap_or(4096)
}

/// What the process takes just now; what cannot be told is left out.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Process {
    /// Resident memory.
    pub resident_bytes: Option<u64>,
    /// Processor time, user and system.
    pub cpu_seconds: Option<f64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Open file descriptors.
    pub open_files: Option<u64>,
}

impl Process {
    /// Looks.
    #[must_use]
    pub fn read() -> Self {
        let (cpu_seconds, threads) = times().unzip();
        let descriptors = std::fs::read_dir("/proc/self/fd").ok();
        let open_files = descriptors.map(|all| all.count() as u64);
        Self { resident_bytes: resident_bytes(), cpu_seconds, threads, open_files }
    }
}

/// Writes memory, processor time, threads and descriptors.
pub fn write(page: &mut Page) {
    let process = Process::read();
    if let Some(resident) = process.resident_bytes {
        page.gauge("process_resident_memory_bytes", "Resident memory.", &[], resident as f64);
    }
    if let Some(cpu_seconds) = process.cpu_seconds {
        page.counter_f64("process_cpu_seconds_total", "Processor time, user and system.", &[], cpu_seconds);
    }
    if let Some(threads) = process.threads {
        page.gauge("process_threads", "Threads.", &[], threads as f64);
    }
    if let Some(open_files) = process.open_files {
        page.gauge("process_open_fds", "Open file descriptors.", &[], open_files as f64);
    }
}

fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * page_bytes())
}

fn times() -> Option<(f64, u64)> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program stands in parentheses and may hold anything: fields are counted behind it.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let ticks = number(11)? + number(12)?;
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Some((ticks as f64 / per_second as f64, number(17)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_on_linux_knows_its_memory_and_time() {
        if cfg!(target_os = "linux") {
            let process = Process::read();
            assert!(process.resident_bytes.unwrap() > 1 << 20);
            assert!(process.cpu_seconds.is_some() && process.threads.unwrap() >= 1);
            assert!(process.open_files.unwrap() >= 3);
        }
    }
}
