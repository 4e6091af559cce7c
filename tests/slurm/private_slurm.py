"""A real Slurm of our own on this host: controller, six nodes of which two have GPUs, with or without accounting.

Made for Debian 12 (Slurm 22.05, several slurmd on one host) and for root in a container without systemd. Every
listener is bound to 127.0.0.1, no control group is touched, and everything is stopped by process number.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import closing
from pathlib import Path

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "sbatch", "squeue", "scontrol")
DATABASE_PROGRAMS = ("slurmdbd", "mariadbd", "mariadb-install-db", "my_print_defaults", "sacct")
SITE = Path("/etc/slurm")  # srun inside a job looks here: the executor's job step takes SLURM_CONF away
NODES = ("c1", "c2", "c3", "c4", "g1", "g2")

SLURM_CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
{loopback}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SlurmdParameters=config_overrides
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2,batch_sched_delay=0,sched_min_interval=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory,CR_LLN
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
JobAcctGatherParams=OverMemoryKill
MinJobAge=300
KillWait=2
SlurmdTimeout=15
SlurmctldTimeout=30
InactiveLimit=0
Waittime=0
GresTypes=gpu
DefMemPerCPU=500
TaskProlog={folder}/etc/wait_while_held
{accounting}
NodeName=c[1-4] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{c1}-{c4}] CPUs=4 CoresPerSocket=4 RealMemory=64000
NodeName=g[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{g1}-{g2}] CPUs=4 CoresPerSocket=4 RealMemory=64000 \
Gres=gpu:fake:2
PartitionName=cpu Nodes=c[1-4] Default=YES MaxTime=2-00:00:00 DefaultTime=10 State=UP
PartitionName=gpu Nodes=g[1-2] MaxTime=2-00:00:00 DefaultTime=10 State=UP
"""
WAIT_WHILE_HELD = """\
#!/bin/sh
while [ -e {folder}/held/all ] || [ -e {folder}/held/$SLURM_JOB_ID ]; do
    touch {folder}/waiting/$SLURM_JOB_ID
    sleep 0.1
done
"""
GRES_CONF = """\
AutoDetect=off
NodeName=g[1-2] Name=gpu Type=fake File=/dev/null
NodeName=g[1-2] Name=gpu Type=fake File=/dev/zero
"""
NO_ACCOUNTING = "AccountingStorageType=accounting_storage/none"
ACCOUNTING = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort={database_port}
AccountingStoragePass={folder}/munge/socket
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment"""
SLURMDBD_CONF = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
DbdHost={host}
DbdAddr=127.0.0.1
DbdPort={database_port}
{loopback_database}
SlurmUser=root
LogFile={folder}/log/slurmdbd.log
PidFile={folder}/run/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=slurm_acct_db
"""


def missing_programs(database: bool) -> list[str]:
    """Programs of Slurm that this host lacks."""
    wanted = PROGRAMS + (DATABASE_PROGRAMS if database else ())
    return [program for program in wanted if not shutil.which(program)] + ([] if os.getuid() == 0 else ["root"])


class PrivateSlurm:
    """A cluster that lives in one folder.

    Parameters
    ----------
    folder : Path
        Where configuration, state and logs go.
    database : bool
        With slurmdbd and MariaDB, as on a cluster with accounting; without, ``sacct`` has nothing to say.
    """

    def __init__(self, folder: Path, database: bool) -> None:
        self.folder, self.database = folder, database
        ports = _free_ports(2 + len(NODES))
        host = socket.gethostname().split(".")[0]
        loopback = socket.gethostbyname(host).startswith(
            "127."
        )  # a daemon that listens on one address takes the host's
        self.values = dict(
            zip(("controller_port", "database_port", *NODES), ports, strict=True),
            folder=folder,
            host=host,
            loopback="CommunicationParameters=NoInAddrAny,NoCtldInAddrAny" if loopback else "",
            loopback_database="CommunicationParameters=NoInAddrAny" if loopback else "",
        )
        self.links: list[Path] = []

    def start(self) -> None:
        """Start every daemon and wait until all nodes are idle."""
        for name in ("munge", "state", "log", "run", "etc", "held", "waiting", *(f"spool/{node}" for node in NODES)):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "munge").chmod(0o711)
        self._configure()
        self._munge()
        if self.database:
            self._start_database()
        self.run("slurmctld", "-f", str(self.conf), "-c")
        for node in NODES:
            self.start_node(node)
        self.wait_for(lambda: self.run("sinfo", "-h", "-N", "-o", "%T").split() == ["idle"] * len(NODES), "idle nodes")

    def stop(self) -> None:
        """Cancel all jobs, stop the daemons that were started here, take the links away."""
        for command in (["scancel", "--user=root"], ["scontrol", "update", "nodename=ALL", "state=resume"]):
            try:
                subprocess.run(command, capture_output=True, timeout=10)
            except subprocess.TimeoutExpired:
                pass
        try:
            self.wait_for(lambda: not self.run("squeue", "-h"), "empty queue", seconds=15)
        except (RuntimeError, AssertionError):
            pass
        run = self.folder / "run"
        for name in (*(f"slurmd.{node}.pid" for node in NODES), "slurmctld.pid", "slurmdbd.pid", "mariadbd.pid"):
            self._stop(run / name)
        self._stop(self.folder / "munge/pid")
        for link in self.links:
            link.unlink(missing_ok=True)

    @property
    def conf(self) -> Path:
        """The configuration file."""
        return self.folder / "etc/slurm.conf"

    def start_node(self, node: str) -> None:
        """Start a node's slurmd."""
        self.run("slurmd", "-f", str(self.conf), "-N", node)

    def kill_node(self, node: str) -> None:
        """Let a node die: its slurmd, the step daemons and all processes of its jobs end by SIGKILL."""
        inside = [process for process in psutil.process_iter() if _environment(process).get("SLURMD_NODENAME") == node]
        steps = {step for process in inside for step in _step_daemons(process)}
        slurmd = psutil.Process(int((self.folder / f"run/slurmd.{node}.pid").read_text()))
        for blow in (psutil.Process.suspend, psutil.Process.kill):  # stopped, none can report the end of another
            for process in [slurmd, *steps, *inside]:
                try:
                    blow(process)
                except psutil.NoSuchProcess:
                    pass

    def hold(self, number: str) -> None:
        """Let a job, or `all`, run without beginning its work, so that a test comes neither too early nor too late."""
        (self.folder / "held" / number).touch()

    def waits(self, number: str) -> bool:
        """Whether a held job has come to its beginning, on its node: Slurm says that it runs a little earlier."""
        return (self.folder / "waiting" / number).exists()

    def release(self, number: str) -> None:
        """Let a held job, or `all`, begin."""
        (self.folder / "held" / number).unlink()

    def environment_of(self, number: str) -> list[dict[str, str]]:
        """Environments of the processes of a running job."""
        found = [_environment(process) for process in psutil.process_iter()]
        return [environment for environment in found if environment.get("SLURM_JOB_ID") == number]

    def run(self, *command: str) -> str:
        """Run a command of Slurm and return what it printed."""
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout

    def wait_for(self, ready, what: str, seconds: float = 60) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}; logs are in {self.folder}/log"
            time.sleep(0.1)

    def _configure(self) -> None:
        accounting = (ACCOUNTING if self.database else NO_ACCOUNTING).format(**self.values)
        self.conf.write_text(SLURM_CONF.format(**self.values, accounting=accounting))
        (self.folder / "etc/gres.conf").write_text(GRES_CONF)
        (self.folder / "etc/cgroup.conf").write_text("CgroupAutomount=no\n")
        prolog = self.folder / "etc/wait_while_held"
        prolog.write_text(WAIT_WHILE_HELD.format(folder=self.folder))
        prolog.chmod(0o755)
        SITE.mkdir(exist_ok=True)
        for file in ("slurm.conf", "gres.conf", "cgroup.conf"):
            link = SITE / file
            assert link.is_symlink() or not link.exists(), f"{link} is of another Slurm on this host: not touched"
            link.unlink(missing_ok=True)
            link.symlink_to(self.folder / "etc" / file)
            self.links.append(link)

    def _munge(self) -> None:
        folder = self.folder / "munge"
        (folder / "key").write_bytes(os.urandom(1024))
        (folder / "key").chmod(0o400)
        places = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        self.run("munged", "--force", *(f"--{option}={folder / file}" for option, file in places.items()))

    def _start_database(self) -> None:
        folder, data, socket_file = self.folder, self.folder / "db", self.folder / "run/mysql.sock"
        conf = folder / "etc/slurmdbd.conf"
        conf.write_text(SLURMDBD_CONF.format(**self.values))
        conf.chmod(0o600)
        self.run("mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={data}",
                 "--auth-root-authentication-method=normal", "--skip-test-db")  # fmt: skip
        subprocess.Popen(
            ["mariadbd", "--no-defaults", "--user=root", f"--datadir={data}", "--skip-networking",
             f"--socket={socket_file}", f"--pid-file={folder / 'run/mariadbd.pid'}",
             "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=64M", "--innodb-lock-wait-timeout=900",
             f"--log-error={folder / 'log/mariadbd.log'}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self.wait_for(socket_file.is_socket, "MariaDB")
        subprocess.run(
            ["slurmdbd"],
            env=dict(os.environ, MYSQL_UNIX_PORT=str(socket_file), SLURM_CONF=str(self.conf)),
            check=True,
            capture_output=True,
        )
        self.wait_for(self._accounts, "slurmdbd")
        self.run("sacctmgr", "-i", "-Q", "add", "cluster", "test")

    def _accounts(self) -> bool:
        return subprocess.run(["sacctmgr", "-n", "list", "cluster"], capture_output=True, timeout=20).returncode == 0

    def _stop(self, pid_file: Path) -> None:
        """Stop the process of a pid file; kill it if it does not stop."""
        try:
            process = psutil.Process(int(pid_file.read_text()))
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except psutil.TimeoutExpired:
            process.kill()


def _step_daemons(process: psutil.Process) -> list[psutil.Process]:
    """Slurm's processes above one of a job."""
    try:
        return [parent for parent in process.parents() if parent.name() == "slurmstepd"]
    except psutil.NoSuchProcess:
        return []


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
        return {}


def _free_ports(count: int) -> list[int]:
    """Free ports in a row (Slurm wants those of its nodes as a range)."""
    for first in range(20000 + os.getpid() % 20000, 65000, count):
        try:
            for port in range(first, first + count):
                with closing(socket.socket()) as one:
                    one.bind(("127.0.0.1", port))
        except OSError:
            continue
        return list(range(first, first + count))
    raise RuntimeError("no free ports")
