"""Settings: typed and frozen, read from the environment (`WHIPROUND_…`) and an optional TOML file.

The environment wins over the file. `docs/settings.md` lists every one; a test keeps it so.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


class Settings(BaseSettings):
    """What an operator can set. Nothing here changes while a process runs."""

    model_config = SettingsConfigDict(
        env_prefix="WHIPROUND_",
        env_ignore_empty=True,  # compose files pass on what is not set as an empty text
        toml_file="whipround.toml",
        frozen=True,
        extra="forbid",  # of the file; variables of the environment are only read where known
    )

    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="The TCP port to listen on; 0 picks one.")
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[^/?#]",
        description="Where others reach the server, without `/` at the end: what the addresses of"
        " pictures begin with, and the links in mails. Unset: the address it listens on.",
    )
    data_dir: Path = Field(
        Path(".whipround"),
        description="The folder of the embedded database, the key file, the lock and the pictures.",
    )
    database_url: str | None = Field(
        None,
        repr=False,  # it may hold a password
        description="A PostgreSQL (16 or newer) to use in place of the embedded one, a libpq URL.",
    )
    database_connections: int = Field(
        10, ge=4, le=500, description="The most connections a process holds to the database."
    )
    secret_key: SecretStr | None = Field(
        None,
        description="The secret key, 64 hexadecimal digits; unset: the file `secret.key`"
        " in the data folder, made by `init`.",
    )
    smtp_url: SecretStr | None = Field(
        None,
        description="Where mail goes: `smtp://user:password@host:587` (STARTTLS where offered)"
        " or `smtps://…:465`.",
    )
    mail_from: str = Field("whipround@localhost", description="The sender of mail.")
    sms_url: SecretStr | None = Field(
        None,
        description="The apprise URL of an SMS service, without recipient, such as"
        " `twilio://SID:TOKEN@+15551234567`.",
    )
    call_url: SecretStr | None = Field(
        None, description="The apprise URL of a voice-call service, in the same form."
    )
    fcm_key_file: Path | None = Field(
        None,
        description="The key file, JSON, of the service account of the Firebase project through"
        " which messages are pushed to devices.",
    )
    fcm_url: str | None = Field(
        None,
        description="Where the API of Firebase Cloud Messaging is, if not at Google's own address.",
    )
    stripe_secret_key: SecretStr | None = Field(
        None,
        description="The secret key, `sk_…` or a restricted `rk_…`, of the Stripe account through"
        " which cards are charged and banks are paid.",
    )
    stripe_webhook_secret: SecretStr | None = Field(
        None,
        description="The signing secret, `whsec_…`, of the webhook endpoint that tells Stripe's"
        " news to `/webhooks/stripe`.",
    )
    stripe_url: str | None = Field(
        None, description="Where Stripe's API is, if not at Stripe's own address."
    )
    facebook_app_id: str | None = Field(
        None,
        coerce_numbers_to_str=True,  # in a file it may well stand without quotes
        description="The number of the Facebook app whose users may log in with Facebook.",
    )
    facebook_app_secret: SecretStr | None = Field(
        None, description="The secret of that app, with which its users' tokens are checked."
    )
    facebook_graph_url: str | None = Field(
        None, description="Where Facebook's Graph API is, if not at Facebook's own address."
    )
    github_api_url: str | None = Field(
        None,
        pattern=r"^https?://[^/?#]",
        description="Where GitHub's REST API is, if not at GitHub's own address.",
    )
    github_token: SecretStr | None = Field(
        None, description="A token of GitHub's, with which its API is asked more often."
    )
    github_client_id: str | None = Field(
        None,
        description="The client ID of the OAuth app at GitHub by which people prove that a profile"
        " there is theirs.",
    )
    github_client_secret: SecretStr | None = Field(
        None, description="The client secret of that app."
    )
    github_url: str | None = Field(
        None,
        pattern=r"^https?://[^/?#]",
        description="Where people log in at GitHub, if not at GitHub's own address.",
    )
    rates_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="Where exchange rates are fetched every day: the address of the European"
        " Central Bank's daily XML, or of something in that form.",
    )
    fetch_allow: str = Field(
        "",
        description="Addresses or networks, with commas between them, that may be asked for"
        " pictures and pages on behalf of users though they are not public; none by default.",
    )
    images_url: SecretStr | None = Field(
        None,
        description="Where pictures are stored: `s3://bucket/folder`, `gs://bucket/folder` or"
        " `az://container/folder`, with options as in a query; unset: the folder `images` in the"
        " data folder.",
    )
    trusted_proxies: str = Field(
        "",
        description="The addresses or networks of proxies, with commas between them, whose"
        " `X-Forwarded-For` and `X-Forwarded-Proto` are believed; none by default.",
    )
    log_format: Literal["json", "text"] = Field(
        "text", description="How log lines are written: for machines or for people."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least severe level that is logged."
    )
    shutdown_seconds: int = Field(
        30, ge=1, description="How long a stopping server may take to answer what it accepted."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)
