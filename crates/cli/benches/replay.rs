//! The cost of a whole replay, as ratios taken in the same run.
//!
//! ```text
//! cargo bench -p kmswatch --bench replay -- [--mb 200] [--pairs 5]
//! ```
//!
//! Three corpora of generated log objects: *kms* (80 % KMS records), *org* (10 %), *sparse* (0.5 %). For each, the
//! CPU time of the whole process `kmswatch replay --threads 1` against that of only decompressing the same files,
//! run in turns (A B A B ...): by `libdeflate-gzip -dc` if it is installed (Debian: libdeflate-tools), the fastest
//! known, and by the library that the engine uses. Then two threads against one, beside two replays of one thread at
//! the same time, which have nothing in common but the machine: so much it gives. And peak memory over inputs of
//! growing size and for one object, large and huge. Before each run all files are read once, so that none pays for the
//! disk. Shared machines are noisy: read medians of ratios, not single times. Where the median moves from run to run,
//! the ratio of the least time of each tells what both take when nobody disturbs them.

#![allow(clippy::print_stdout, clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // A bench reports to a person and may fail loudly.

use kmswatch_scenario::{Mix, Scenario};
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wait4::Wait4;

const MIXES: [(&str, Mix); 3] = [("kms", Mix::KmsHeavy), ("org", Mix::Mixed), ("sparse", Mix::Sparse)];

/// A large object beside the huge one, in MB: there is a goal for the peak memory of such a one.
const ONE_OBJECT_MB: usize = 110;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let [flag, folder] = args.as_slice()
        && flag == "--inflate"
    {
        return inflate(Path::new(folder));
    }
    if let [flag, name, megabytes] = args.as_slice()
        && flag == "--generate"
    {
        return generate(name, megabytes.parse().expect("a number of megabytes"));
    }
    let option = |name: &str, default: usize| {
        let at = args.iter().position(|arg| arg == name);
        at.and_then(|at| args.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    let (megabytes, pairs) = (option("--mb", 200), option("--pairs", 5));
    println!(
        "{megabytes} MB of uncompressed log a corpus, {pairs} pairs; ratios are A/B of CPU time: median (min-max)\n"
    );
    let mut folders = Vec::new();
    for (name, _) in MIXES {
        let folder = corpus(name, megabytes);
        compare(name, &folder, pairs);
        folders.push(folder);
    }
    threads(&folders, pairs);
    memory(megabytes);
}

/// The folder of a corpus. It is written once and kept under `target/`, so a second run starts at once.
///
/// Another process writes it: the peak memory of a child begins with that of the process that started it.
fn corpus(name: &str, megabytes: usize) -> PathBuf {
    let folder = target().join(format!("{name}-{megabytes}"));
    if !folder.join("complete").exists() {
        run(Command::new(std::env::current_exe().expect("own path")).args([
            "--generate",
            name,
            &megabytes.to_string(),
        ]));
        assert!(folder.join("complete").exists(), "the corpus {} could not be written", folder.display());
    }
    folder
}

fn generate(name: &str, megabytes: usize) {
    let folder = target().join(format!("{name}-{megabytes}"));
    let _ = fs::remove_dir_all(&folder);
    let (_, mix) = MIXES.into_iter().find(|(known, _)| *known == name).expect("a known mix");
    let scenario = Scenario::benchmark(mix, megabytes as u64 * 1_000_000);
    kmswatch_scenario::write(&scenario, &folder, |_| ()).expect("the corpus can be written");
    fs::write(folder.join("complete"), "").expect("the corpus can be marked");
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("replay-bench")
}

fn compare(mix: &str, folder: &Path, pairs: usize) {
    let files = log_files(folder);
    let summary = target().join("summary.json");
    let [mut tools, mut libraries] = [const { Vec::new() }; 2];
    let mut replays = Vec::new();
    for _ in 0..pairs {
        read_all(&files);
        let replay = run(replay_command(folder, 1).arg("--summary").arg(&summary));
        read_all(&files);
        if let Some(tool) = try_run(Command::new("libdeflate-gzip").arg("-dc").args(&files)) {
            tools.push(tool.cpu);
        }
        read_all(&files);
        let library =
            run(Command::new(std::env::current_exe().expect("own path")).arg("--inflate").arg(folder));
        libraries.push(library.cpu);
        replays.push(replay.cpu);
    }
    let text = fs::read_to_string(&summary).expect("replay wrote its summary");
    let records = kmswatch_engine::json::Value::new(&text).get("records").integer().unwrap_or(0);
    let against = |others: &[Duration]| {
        let mut ratios: Vec<f64> =
            replays.iter().zip(others).map(|(replay, other)| ratio(*replay, *other)).collect();
        let least =
            replays.iter().min().zip(others.iter().min()).map(|(replay, other)| ratio(*replay, *other));
        let least = least.map(|least| format!("; least of each {least:.2}")).unwrap_or_default();
        spread(&mut ratios) + &least
    };
    let [tool, library] = [&tools, &libraries].map(|others| against(others));
    replays.sort();
    let cpu = replays[replays.len() / 2].as_secs_f64();
    println!("{mix:7} {records} records, {cpu:.3} CPU s: {:.0} records/s/core", records as f64 / cpu);
    println!("        / libdeflate-gzip -dc     {tool}");
    println!("        / flate2 with zlib-rs     {library}");
}

fn threads(folders: &[PathBuf], pairs: usize) {
    let [mut wall, mut cpu, mut wall_apart, mut cpu_apart] = [const { Vec::new() }; 4];
    let files: Vec<PathBuf> = folders.iter().flat_map(|folder| log_files(folder)).collect();
    for _ in 0..pairs {
        let command = |threads| {
            let mut command = replay_command(&folders[0], threads);
            command.args(&folders[1..]);
            command
        };
        let [one, two] = [1, 2].map(|threads| {
            read_all(&files);
            run(&mut command(threads))
        });
        read_all(&files);
        wall.push(ratio(one.wall, two.wall));
        cpu.push(ratio(two.cpu, one.cpu));
        let start = Instant::now();
        let apart = std::thread::scope(|scope| {
            [(); 2].map(|()| scope.spawn(|| run(&mut command(1)).cpu)).map(|run| run.join().expect("a run"))
        });
        wall_apart.push(2.0 * ratio(one.wall, start.elapsed()));
        cpu_apart.push(ratio(apart[0] + apart[1], 2 * one.cpu));
    }
    println!("threads all corpora, 2 threads: speed-up {}, CPU {}", spread(&mut wall), spread(&mut cpu));
    let [wall, cpu] = [wall_apart, cpu_apart].map(|mut ratios| spread(&mut ratios));
    println!("        two replays at a time: {wall}, CPU {cpu}");
}

fn memory(megabytes: usize) {
    for part in [megabytes / 8, megabytes / 2, megabytes * 2] {
        let usage = run(&mut replay_command(&corpus("org", part.max(1)), 1));
        println!("memory  org, {part:4} MB of log: peak {:.1} MB", usage.peak as f64 / 1e6);
    }
    for size in [ONE_OBJECT_MB, megabytes] {
        let folder = target().join(format!("huge-{size}"));
        let object = folder.join("one.json.gz");
        if !object.exists() {
            fs::create_dir_all(&folder).expect("folder");
            let mut file = fs::File::create(&object).expect("file");
            // Members of gzip may follow each other, and so may documents: one object of many.
            for part in log_files(&corpus("org", size)) {
                file.write_all(&fs::read(part).expect("part")).expect("write");
            }
        }
        let usage = run(&mut replay_command(&folder, 1));
        println!("memory  one object of {size} MB: peak {:.1} MB", usage.peak as f64 / 1e6);
    }
}

fn replay_command(folder: &Path, threads: usize) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kmswatch"));
    command.args(["replay", "--format", "jsonl", "--threads", &threads.to_string()]).arg(folder);
    command
}

struct Usage {
    cpu: Duration,
    wall: Duration,
    peak: u64,
}

fn run(command: &mut Command) -> Usage {
    try_run(command).unwrap_or_else(|| panic!("{command:?} can be run"))
}

fn try_run(command: &mut Command) -> Option<Usage> {
    let start = Instant::now();
    let result = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?.wait4().ok()?;
    let usage = result.rusage;
    Some(Usage { cpu: usage.utime + usage.stime, wall: start.elapsed(), peak: usage.maxrss })
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}

fn spread(ratios: &mut [f64]) -> String {
    ratios.sort_by(f64::total_cmp);
    match &*ratios {
        [] => "not installed".to_owned(),
        [only] => format!("{only:.2}"),
        [first, .., last] => format!("{:.2} ({first:.2}-{last:.2})", ratios[ratios.len() / 2]),
    }
}

/// Decompresses every file of the folder and throws the bytes away.
fn inflate(folder: &Path) {
    let mut window = vec![0; 256 << 10];
    let mut total = 0;
    for path in log_files(folder) {
        let file = fs::File::open(path).expect("file");
        let mut reader = flate2::read::MultiGzDecoder::new(file);
        loop {
            match reader.read(&mut window).expect("gzip") {
                0 => break,
                n => total += n as u64,
            }
        }
    }
    writeln!(io::stdout(), "{total}").expect("stdout");
}

/// Brings the files into memory: whoever reads them first would wait for the disk, and the kernel's work for it counts.
fn read_all(files: &[PathBuf]) {
    for file in files {
        fs::read(file).expect("a file of the corpus");
    }
}

fn log_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("folder") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "gz") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
