"""A certificate for the lab's resolver, by an authority of the lab's own.

The authority signs this one certificate and its key is thrown away, so whoever trusts it trusts
nobody else.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY = "authority.pem"
"""The authority's certificate, for those who are to trust it."""

_SERVER = "server.pem"
_LIFE = timedelta(days=3650)


def _begun(name: str, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    """Begin a certificate for a key; clocks that are a day off are fine with it."""
    now = datetime.now(tz=UTC)
    subject, signer = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, issuer)
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _LIFE)
    )


def ensure(directory: Path, names: Iterable[str], addresses: Iterable[str]) -> Path:
    """Return the file with the server's key and certificate, and make it if it is not there.

    Args:
        directory: Gets that file, for its owner only, and `AUTHORITY`.
        names: The host names the certificate is for.
        addresses: The addresses it is for.
    """
    path = directory / _SERVER
    if path.exists():
        return path
    root, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    usage = dict.fromkeys(
        (
            *("digital_signature", "content_commitment", "key_encipherment", "key_agreement"),
            *("data_encipherment", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
        ),
        False,
    )
    signs = x509.KeyUsage(**{**usage, "key_cert_sign": True, "crl_sign": True})
    authority = (
        _begun("The lab's authority", "The lab's authority", root)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(signs, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root.public_key()), critical=False)
        .sign(root, hashes.SHA256())
    )
    also = [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    alternatives = x509.SubjectAlternativeName([*(x509.DNSName(name) for name in names), *also])
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key())
    certificate = (
        _begun("The lab's resolver", "The lab's authority", own)
        .add_extension(alternatives, critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(signer, critical=False)
        .sign(root, hashes.SHA256())
    )
    key = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (directory / AUTHORITY).write_bytes(authority.public_bytes(Encoding.PEM))
    fresh = path.with_name(f"{_SERVER}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(key + certificate.public_bytes(Encoding.PEM))
    fresh.rename(path)
    return path
