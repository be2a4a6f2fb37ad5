"""A real Apache Kafka for the tests: one KRaft node from Maven's jars, on free ports, in a folder of its own."""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from servers import packages, run
from servers.jars import jars
from servers.missing import ServerMissing
from servers.process import ServerProcess, free_port

HERE: Final = Path(__file__).parent
CACHE: Final = HERE.parents[1] / ".cache" / "kafka"
SASL_USER: Final = "reader"
SASL_PASSWORD: Final = "reader-secret"
QUICK: Final = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")  # up in seconds, slow for ever after

# Small and impatient: groups form at once, sessions may be short, retention and compaction look every second.
PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{plain},SASL://127.0.0.1:{sasl},TLS://127.0.0.1:{tls},MUTUAL://127.0.0.1:{mutual},\
    PROXIED://127.0.0.1:{behind},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SASL://127.0.0.1:{sasl},TLS://127.0.0.1:{tls},\
    MUTUAL://127.0.0.1:{mutual},PROXIED://127.0.0.1:{proxy}
listener.security.protocol.map=\
    PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SASL_SSL,MUTUAL:SSL,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true
super.users=User:ANONYMOUS
listener.name.mutual.ssl.keystore.type=PKCS12
listener.name.mutual.ssl.keystore.location={folder}/broker.p12
listener.name.mutual.ssl.keystore.password={password}
listener.name.mutual.ssl.truststore.type=PKCS12
listener.name.mutual.ssl.truststore.location={folder}/clients.p12
listener.name.mutual.ssl.truststore.password={password}
listener.name.mutual.ssl.client.auth=required
listener.name.tls.ssl.keystore.type=PKCS12
listener.name.tls.ssl.keystore.location={folder}/broker.p12
listener.name.tls.ssl.keystore.password={password}
listener.name.tls.sasl.enabled.mechanisms=SCRAM-SHA-512,OAUTHBEARER
listener.name.tls.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.tls.oauthbearer.sasl.jaas.config=\
    org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
    user_{user}="{password}";
listener.name.sasl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
log.dirs={folder}/data
auto.create.topics.enable=false
num.partitions=1
message.max.bytes=16777216
replica.fetch.max.bytes=16777216
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=2
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.initial.task.delay.ms=500
log.retention.check.interval.ms=1000
log.segment.delete.delay.ms=500
log.cleaner.backoff.ms=500
log.cleaner.min.cleanable.ratio=0.01
log.cleaner.delete.retention.ms=100
log.cleaner.dedupe.buffer.size=16777216
"""


@dataclass(frozen=True, slots=True)
class KafkaAddress:
    """Where a broker is to be found; one that somebody else runs is only known to have a plaintext listener.

    `bootstrap` is plaintext, `sasl_bootstrap` wants PLAIN or SCRAM, `tls_bootstrap` SCRAM-SHA-512 or OAUTHBEARER over
    TLS, under a certificate for 127.0.0.1 that only `ca_file` vouches for; any unsigned token of a subject will do.
    `mutual_bootstrap` wants the client certificate of `client_files` instead of a password. Who comes by plaintext may
    do anything; others may, where no ACL says otherwise.
    Clients that come to `behind_bootstrap` are sent on to `proxy_bootstrap`, where a test may listen.
    """

    bootstrap: str
    sasl: str = ""
    tls: str = ""
    ca: str = ""
    mutual: str = ""
    behind: str = ""
    proxy: str = ""

    @property
    def mutual_bootstrap(self) -> str:
        """Raise `ServerMissing` where there may be no such listener."""
        return self._of_ours(self.mutual)

    @property
    def client_files(self) -> tuple[Path, Path]:
        """Return the certificate and the key that the broker takes from a client."""
        folder = self.ca_file.parent
        return folder / "client.pem", folder / "client.key"

    @property
    def behind_bootstrap(self) -> str:
        """Raise `ServerMissing` where there may be no such listener."""
        return self._of_ours(self.behind)

    @property
    def proxy_bootstrap(self) -> str:
        """Raise `ServerMissing` where nobody is sent there."""
        return self._of_ours(self.proxy)

    @property
    def sasl_bootstrap(self) -> str:
        """Raise `ServerMissing` where there may be no such listener."""
        return self._of_ours(self.sasl)

    @property
    def tls_bootstrap(self) -> str:
        """Raise `ServerMissing` where there may be no such listener."""
        return self._of_ours(self.tls)

    @property
    def ca_file(self) -> Path:
        """Raise `ServerMissing` where nobody tells whose certificates hold."""
        return Path(self._of_ours(self.ca))

    def _of_ours(self, known: str) -> str:
        if not known:
            raise ServerMissing("this test needs a broker of ours: unset KAFKA_BOOTSTRAP_SERVERS")
        return known


class KafkaServer:
    """A broker of ours, whose ports stay for life. It ends with this process, or with the writers of `lifeline`."""

    def __init__(self, *, java_flags: Sequence[str] = QUICK, lifeline: Path | None = None) -> None:
        self._lifeline = lifeline
        self._java = _java()
        self._java_flags = java_flags
        self._jars = jars(HERE / "pom.xml")
        self._folder = Path(tempfile.mkdtemp(prefix="headrace-kafka-"))
        ports = {name: free_port() for name in ("plain", "sasl", "tls", "mutual", "behind", "proxy", "controller")}
        self._ca_file = self._folder / "ca.pem"
        address = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        self.address = KafkaAddress(
            address["plain"], address["sasl"], address["tls"], str(self._ca_file), address["mutual"],
            address["behind"], address["proxy"],
        )  # fmt: skip
        self._config = self._folder / "server.properties"
        self._config.write_text(
            PROPERTIES.format(folder=self._folder, user=SASL_USER, password=SASL_PASSWORD, **ports), encoding="utf-8"
        )
        self._process: ServerProcess | None = None
        self._certify()
        self._format()

    @property
    def bootstrap(self) -> str:
        """Return the plaintext address."""
        return self.address.bootstrap

    @property
    def pid(self) -> int:
        """Return the broker's process id; raises `RuntimeError` while it is stopped."""
        if self._process is None:
            raise RuntimeError("the broker is stopped")
        return self._process.pid

    def start(self) -> None:
        """Start the broker on its old data and return when it answers."""
        command = [*self._command(*self._java_flags), "kafka.Kafka"]
        log = self._folder / "server.log"
        self._process = ServerProcess([*command, str(self._config)], log, lifeline=self._lifeline)
        self._process.wait_until(self._answers)

    def stop(self) -> None:
        """Shut the broker down in good order; its data stays. Safe to repeat."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the broker with SIGKILL; its data stays. Safe to repeat."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop, then start."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Kill the broker and remove its data."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.stop(how)
            self._process = None

    def _answers(self) -> bool:
        try:
            client = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
            return bool(client.list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    def _command(self, *flags: str) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"
        return [self._java, *flags, logging, "-cp", f"{self._jars}/*"]

    def _certify(self) -> None:
        tool = str(Path(self._java).with_name("keytool"))
        store = ["-keystore", self._folder / "broker.p12", "-storetype", "PKCS12", "-storepass", SASL_PASSWORD]
        extensions = ("san=ip:127.0.0.1", "bc:critical=ca:true", "ku:critical=digitalSignature,keyCertSign")
        options = [word for each in extensions for word in ("-ext", each)]
        make = ["-genkeypair", "-keyalg", "EC", "-dname", "CN=broker", *options]
        for command in (make, ["-exportcert", "-rfc", "-file", self._ca_file]):
            subprocess.run([tool, *command, *store, "-alias", "broker"], capture_output=True, check=True)
        certificate, key = self.address.client_files
        self_signed(certificate, key, "headrace client")
        clients = ["-keystore", self._folder / "clients.p12", "-storetype", "PKCS12", "-storepass", SASL_PASSWORD]
        trust = ["-importcert", "-noprompt", "-file", certificate, "-alias", "client"]
        subprocess.run([tool, *trust, *clients], capture_output=True, check=True)

    def _format(self) -> None:
        cluster = base64.urlsafe_b64encode(b"\0" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
        scram = [f"--add-scram=SCRAM-SHA-{bits}=[name={SASL_USER},password={SASL_PASSWORD}]" for bits in (256, 512)]
        tool = [*self._command(*QUICK), "kafka.tools.StorageTool", "format", "--standalone"]
        done = subprocess.run(
            [*tool, "--cluster-id", cluster, "--config", str(self._config), *scram],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise ServerMissing(f"Kafka's storage could not be formatted:\n{done.stdout}{done.stderr}")


def self_signed(certificate: Path, key: Path, name: str) -> None:
    """Write a certificate that vouches for itself, and its key, as PEM files."""
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    where = ["-keyout", key, "-out", certificate, "-days", "2", "-subj", f"/CN={name}"]
    subprocess.run([*make, *where], capture_output=True, check=True)


def shared() -> KafkaAddress:
    """Return the broker of this run: the one that the environment names, else one of ours, which nobody stops."""
    if bootstrap := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        return KafkaAddress(bootstrap)
    return KafkaAddress(**run.once("kafka", _started))


def _started() -> dict[str, str]:
    server = KafkaServer(lifeline=run.lifeline())
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return asdict(server.address)


@contextmanager
def owned() -> Iterator[KafkaServer]:
    """Give a broker that nobody else uses, to be stopped and killed at will."""
    server = KafkaServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


def _java() -> str:
    found = java(17)
    if found is None:
        packages.install("openjdk-17-jre-headless")
        found = java(17)
    if found is None:
        raise ServerMissing("Kafka 4 needs Java 17 or newer on PATH or at JAVA_HOME")
    return found


def java(version: int) -> str | None:
    """Return a Java of that version or a newer one, from JAVA_HOME or PATH; None where there is none."""
    home = os.environ.get("JAVA_HOME")
    for candidate in filter(None, (home and f"{home}/bin/java", shutil.which("java"))):
        said = subprocess.run([candidate, "-version"], capture_output=True, text=True, check=False).stderr
        if (found := re.search(r'version "(\d+)', said)) and int(found[1]) >= version:
            return candidate
    return None
