"""TLS by certificate files, or self-signed for a trial in a LAN."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import tempfile
from pathlib import Path

import ifaddr
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.errors import SettingsError

_VALID_DAYS = 30


def from_files(certificate: Path, key: Path) -> ssl.SSLContext:
    """Raises SettingsError that names the file which cannot be used."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    for path in (certificate, key):
        if not path.is_file():
            raise SettingsError(f"TLS: there is no file {path}")
    try:
        # Without a password given, OpenSSL would ask for a key's on the terminal, and wait.
        context.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, OSError):
        raise SettingsError(
            f"TLS: {certificate} and {key} are no certificate with its key (PEM)"
        ) from None
    return context


def certificate_names(certificate: Path) -> list[str]:
    """The host names that a certificate (PEM) is for (RFC 6125, section 6.4); few have none."""
    parsed = x509.load_pem_x509_certificate(certificate.read_bytes())
    try:
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return names.value.get_values_for_type(x509.DNSName)


def self_signed(host: str) -> ssl.SSLContext:
    """TLS by a certificate of `self_signed_pem`."""
    return from_pem(self_signed_pem(host))


def self_signed_pem(host: str) -> bytes:
    """A key and certificate for ``host`` and this machine's name, made anew and kept nowhere.

    Browsers warn of it once; they then give the camera, as the context counts as secure.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "LobbyLens trial")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=_VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(_names(host)), critical=False)
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + certificate.public_bytes(serialization.Encoding.PEM)


def from_pem(text: bytes) -> ssl.SSLContext:
    """TLS by a key and certificate, which are on disk only while this runs."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    # The ssl module takes files only; they are gone before this returns.
    with tempfile.TemporaryDirectory() as folder:
        pem = Path(folder) / "trial.pem"
        pem.touch(mode=0o600)
        pem.write_bytes(text)
        context.load_cert_chain(pem)
    return context


def reachable_hosts(host: str) -> list[str]:
    """Where a browser finds what is bound to ``host``: itself, or for a wildcard each address of
    this machine but loopback and link-local ones."""
    if host not in ("0.0.0.0", "::"):
        return [host]
    found = [str(ip.ip) for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4]
    known = [ipaddress.ip_address(address) for address in found]
    return [str(item) for item in known if not (item.is_loopback or item.is_link_local)] or [host]


def _names(host: str) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    machine = socket.gethostname()
    if machine.isascii():
        names.append(x509.DNSName(machine))
    for address in dict.fromkeys([*reachable_hosts(host), "127.0.0.1"]):
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(address)))
        except ValueError:
            names.append(x509.DNSName(address))
    return names
