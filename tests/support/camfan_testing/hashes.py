"""Hashes for site files of tests, at the smallest cost that is allowed."""

from __future__ import annotations

PASSWORD = "correct horse"
PASSWORD_HASH = "scrypt.10.8.1.MDEyMzQ1Njc4OWFiY2RlZg.6g3umF-uVrJsObaTZhIbbTlgrvOEFcCItdwSjtPF67M"
TOKEN = "token-of-the-tests-0123456789abcdef"
TOKEN_HASH = "sha256.THNqJMuOlhd61VPZ6cd-AK0rPecsPpbtV3gdsZoLWkU"
