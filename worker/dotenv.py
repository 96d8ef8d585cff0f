"""The places of settings: the environment, `.env`, and the files that secrets stand in. Found, checked and read here.

A relative path is seen from the file that names it: one in `.env` from its folder, one in the environment from here.
"""

import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from io import StringIO
from pathlib import Path

from dotenv.main import resolve_variables
from dotenv.parser import parse_stream

from worker.secret_files import SecretMissing, SecretUnreadable, read_secret_file

OWN_NAMES = frozenset({"VITEC_SYNC_IGNORE_DOTENV", "VITEC_SYNC_ENV_FILE"})
"""Names that say where settings are, and are none themselves."""

PREFIX = "VITEC_"
"""The environment of a process holds the names of many programs; those with this prefix are taken for ours."""

ALIKE = 0.75
"""How alike a name must be to a setting, of 0 to 1, to be taken for a slip."""


class SettingsError(Exception):
    """A setting is missing or cannot be. The text names the setting and the remedy, never a secret value."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The texts of settings by their names in capitals, and the folder from which each one's relative paths are seen."""

    file: Path | None = None
    """The `.env` that was read, absolute; None: there is none, or it is not to be read."""
    looked_in: Path | None = None
    """The folder in which `.env` was looked for; None: it was not looked for."""
    values: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, Path] = field(default_factory=dict)

    def resolve(self, name: str, path: str) -> Path:
        """Make the path that a setting holds absolute."""
        return (self.folders[name] / Path(path).expanduser()).absolute()


def read_sources(
    setting_names: Iterable[str], secrets: Iterable[str], environment: Mapping[str, str] = os.environ
) -> Sources:
    """Read the environment, and `.env` for what it lacks. Empty values count as not set.

    `setting_names` and, of them, `secrets` are in capitals. Raises SettingsError for a file that cannot be read, or
    should not be, and for a name that is no setting.
    """
    file, looked_in = _find_file(environment)
    in_file = _read_file(file) if file else {}
    in_environment = {name.upper(): text for name, text in environment.items() if text}
    names = frozenset(setting_names) | {f"{secret}_FILE" for secret in secrets} | OWN_NAMES
    _refuse_unknown(in_file, names, file)
    ours = (name for name in in_environment if name.startswith(PREFIX))
    _refuse_unknown(ours, names | _find_variables(in_environment, in_file, file), None)
    overruled = set(in_environment) | {secret for secret in secrets if f"{secret}_FILE" in in_environment}
    overruled |= {f"{secret}_FILE" for secret in secrets if secret in in_environment}
    from_file = {name: text for name, text in in_file.items() if text and name not in overruled}
    working_folder = Path.cwd()
    folders = dict.fromkeys(in_environment, working_folder) | dict.fromkeys(
        from_file, file.parent if file else working_folder
    )
    return Sources(file, looked_in, in_environment | from_file, folders)


def _find_variables(in_environment: Mapping[str, str], in_file: Mapping[str, str], file: Path | None) -> set[str]:
    """Find the variables that the file of logins names for passwords. A fault in that file is told by its own reader."""
    name = "VITEC_CREDENTIALS_FILE"
    named = in_environment.get(name) or in_file.get(name)
    if not named:
        return set()
    folder = Path() if name in in_environment or file is None else file.parent
    try:
        text = (folder / Path(named).expanduser()).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return set()
    return {variable.upper() for variable in re.findall(r"""password_env\s*=\s*["'](\w+)["']""", text)}


def read_secret(sources: Sources, name: str) -> str | None:
    """Read the file that NAME_FILE names; None: there is no such name, or the secret is given outright.

    Raises SettingsError with the file, never with its content.
    """
    setting = f"{name}_FILE"
    if setting not in sources.values or name in sources.values:
        return None
    path = sources.resolve(setting, sources.values[setting])
    try:
        return read_secret_file(path)
    except SecretUnreadable as fault:
        remedy = "; write the secret into it" if isinstance(fault, SecretMissing) else ""
        raise SettingsError(f"{setting}: {path} {fault}{remedy}.") from None


def _find_file(environment: Mapping[str, str]) -> tuple[Path | None, Path | None]:
    if environment.get("VITEC_SYNC_IGNORE_DOTENV"):
        return None, None
    named = environment.get("VITEC_SYNC_ENV_FILE")
    file = (Path(named).expanduser() if named else Path(".env")).absolute()
    if not file.exists():
        if named:
            raise SettingsError(f"VITEC_SYNC_ENV_FILE: {file} is not there.")
        return None, file.parent
    return file, file.parent


def _read_file(file: Path) -> dict[str, str]:
    try:
        refuse_foreign(file)
        text = _decode(file, file.read_bytes())
    except OSError as error:
        raise SettingsError(f"{file} cannot be read ({error.strerror}).") from None
    bindings = list(parse_stream(StringIO(text)))
    for binding in bindings:
        if binding.error or (binding.key is not None and binding.value is None):
            raise SettingsError(f"{file}, line {binding.original.line}: this is no NAME=value.")
    pairs = ((binding.key, binding.value) for binding in bindings if binding.key is not None)
    resolved = resolve_variables(pairs, override=False)
    return {name.upper(): value or "" for name, value in resolved.items()}


def refuse_foreign(file: Path) -> None:
    """Refuse a file that others could have written: it says to which database, and where, personal data goes."""
    status, folder = file.stat(), file.parent.stat()
    if not stat.S_ISREG(status.st_mode):
        raise SettingsError(f"{file} is no file.")
    if status.st_uid not in {os.geteuid(), 0}:
        raise SettingsError(f"{file} belongs to another user: make it yours (chown), or work in another folder.")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SettingsError(f"{file} can be written by others: chmod 600 {file}")
    if folder.st_mode & stat.S_IWOTH and not folder.st_mode & stat.S_ISVTX:
        raise SettingsError(f"{file} lies in a folder in which anyone can replace it: chmod o-w {file.parent}")


def _decode(file: Path, content: bytes) -> str:
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\0" in content:
        raise SettingsError(f"{file} is in UTF-16, or no text: save it as UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{file}, line {line}: this is not UTF-8 (Windows-1252?): save it as UTF-8.") from None


def _refuse_unknown(names: Iterable[str], setting_names: frozenset[str], file: Path | None) -> None:
    """Refuse a slip in a name: its setting would silently stay at the default.

    A name that looks like no setting at all is left to the other program that it may be for.
    """
    for name in names:
        if name in setting_names:
            continue
        nearest = get_close_matches(name, sorted(setting_names), 1, ALIKE)
        if not nearest and not (file and name.startswith(PREFIX)):
            continue
        where = f"{file}: " if file else "The environment: "
        if name.removesuffix("_FILE") in setting_names:
            hint = "only a secret can stand in a file of its own"
        else:
            hint = f"did you mean {nearest[0]}?" if nearest else "leave it out; .env.example lists all"
        raise SettingsError(f"{where}{name} is no setting; {hint}")
