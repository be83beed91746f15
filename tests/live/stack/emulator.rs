//! An emulator of AWS of our own: installed once beneath `target`, started on a free port, gone with the test.
//!
//! Two programs of tests use it, each a part of it.

#![allow(dead_code)]

use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const REQUIREMENTS: &str = include_str!("requirements.txt");
const REGION: &str = "us-east-1";

/// The folder of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The virtual environment with what `requirements.txt` names, made if it is not there.
///
/// Needs Python 3.9 or later with `venv` and, the first time, PyPI.
pub(crate) fn python() -> PathBuf {
    static ONCE: OnceLock<PathBuf> = OnceLock::new();
    ONCE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("emulator");
        let (done, python) = (folder.join("installed.txt"), folder.join("bin/python"));
        if fs::read_to_string(&done).is_ok_and(|installed| installed == REQUIREMENTS) {
            return python;
        }
        let needs = "the tests of the live pipeline run the function on an emulator of AWS, for which they need \
                     Python 3.9 or later with its module venv (Debian: python3-venv), and PyPI the first time";
        let _ = fs::remove_dir_all(&folder);
        let made = Command::new("python3").args(["-m", "venv"]).arg(&folder).output();
        let made = made.unwrap_or_else(|error| panic!("{needs}: python3 cannot be run: {error}"));
        assert!(made.status.success(), "{needs}: {}", String::from_utf8_lossy(&made.stderr));
        let wanted = folder.join("requirements.txt");
        fs::write(&wanted, REQUIREMENTS).unwrap();
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        let installed = Command::new(&python).args(install).arg(&wanted).output().unwrap();
        assert!(installed.status.success(), "{needs}: {}", String::from_utf8_lossy(&installed.stderr));
        fs::write(&done, REQUIREMENTS).unwrap();
        python
    })
    .clone()
}

/// A running emulator.
pub(crate) struct Emulator {
    process: Child,
    port: u16,
    log: PathBuf,
}

impl Emulator {
    /// MiniStack, which runs functions.
    pub(crate) fn start() -> Emulator {
        Emulator::of("ministack", |_| Vec::new())
    }

    /// The server of moto, which has more of S3.
    pub(crate) fn moto() -> Emulator {
        Emulator::of("moto_server", |port| ["-H", "127.0.0.1", "-p", port].map(str::to_owned).to_vec())
    }

    fn of(program: &str, args: impl Fn(&str) -> Vec<String>) -> Emulator {
        let python = python();
        // Free now; whoever takes it in between makes this test fail, which is seen.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("emulator-{port}.log"));
        let out = fs::File::create(&log).unwrap();
        let mut command = Command::new(python.with_file_name(program));
        command
            .args(args(&port.to_string()))
            .stdin(Stdio::null())
            .stderr(out.try_clone().unwrap())
            .stdout(out);
        let mut emulator = Emulator { process: with_aws(&mut command, port).spawn().unwrap(), port, log };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = emulator.process.try_wait().unwrap();
            assert!(ended.is_none(), "the emulator ended: {}", emulator.said());
            assert!(begun.elapsed() < Duration::from_secs(120), "no emulator: {}", emulator.said());
            std::thread::sleep(Duration::from_millis(100));
        }
        emulator
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn region() -> &'static str {
        REGION
    }

    /// Points a command at it, and nowhere else.
    pub(crate) fn point<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        with_aws(command, self.port)
    }

    /// What the emulator and the functions on it have written.
    pub(crate) fn said(&self) -> String {
        let mut text = String::new();
        let _ = fs::File::open(&self.log).and_then(|mut file| file.read_to_string(&mut text));
        text
    }

    /// Runs `drive.py` and gives what it printed; `Err` is what it wrote to stderr.
    pub(crate) fn drive(&self, args: &[&str], input: &str) -> Result<serde_json::Value, String> {
        let mut command = Command::new(python());
        command.arg(root().join("tests/live/stack/drive.py")).args(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = with_aws(&mut command, self.port).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        if output.status.success() {
            return Ok(serde_json::from_slice(&output.stdout).unwrap());
        }
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It ends the functions that it has started.
        #[cfg(unix)]
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) {
            if let Ok(Some(_)) = self.process.try_wait() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Points everything that `command` does with AWS at the emulator, and nothing anywhere else. Functions inherit its
/// environment and refuse settings that they do not know, so none of ours is left in it.
fn with_aws(command: &mut Command, port: u16) -> &mut Command {
    let is_kept = |name: &str| !name.starts_with("AWS_") && !name.starts_with("KMSWATCH_");
    let kept: Vec<_> = std::env::vars_os().filter(|(name, _)| is_kept(&name.to_string_lossy())).collect();
    command
        .env_clear()
        .envs(kept)
        .env("BIND_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", port.to_string())
        .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"))
        .env("AWS_REGION", REGION)
        .env("AWS_DEFAULT_REGION", REGION)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_EC2_METADATA_DISABLED", "true")
}
