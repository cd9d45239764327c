"""The gateways of a real installation, as its settings have it."""

import logging
from collections.abc import Mapping

from whipround.db.outbox import Channel
from whipround.gateways.addresses import keeps_secrets
from whipround.gateways.messages.phone import AppriseGateway
from whipround.gateways.messages.protocol import Gateway, GatewayMisconfigured, Unconfigured
from whipround.gateways.messages.smtp import SmtpGateway
from whipround.settings import Settings

logger = logging.getLogger(__name__)


def live_gateways(settings: Settings) -> Mapping[Channel, Gateway]:
    """A gateway for mail, SMS and calls each; a warning for each that is not set up.

    What is to go out by such a channel waits until it is. Raises GatewayMisconfigured.
    """
    gateways: dict[Channel, Gateway] = {}
    if settings.smtp_url is None:
        gateways["email"] = _missing("mail", "WHIPROUND_SMTP_URL")
    else:
        url = settings.smtp_url.get_secret_value()
        gateways["email"] = SmtpGateway(url=url, mail_from=settings.mail_from)
    if settings.sms_url is None:
        gateways["sms"] = _missing("SMS", "WHIPROUND_SMS_URL")
    else:
        url = settings.sms_url.get_secret_value()
        gateways["sms"] = AppriseGateway(url=url, setting="WHIPROUND_SMS_URL")
    if settings.call_url is None:
        gateways["call"] = _missing("calls", "WHIPROUND_CALL_URL")
    else:
        url = settings.call_url.get_secret_value()
        gateways["call"] = AppriseGateway(url=url, setting="WHIPROUND_CALL_URL")
    return gateways


def live_fcm(settings: Settings) -> Gateway | None:
    """What pushes to devices; None where nothing does. Raises GatewayMisconfigured."""
    if settings.fcm_url is not None and not keeps_secrets(settings.fcm_url):
        raise GatewayMisconfigured("WHIPROUND_FCM_URL must be https://, or http:// to this host")
    if settings.fcm_key_file is None:
        return None
    # With what it takes to log in at Google: only where it is needed.
    from whipround.gateways.messages.fcm import FcmGateway  # noqa: PLC0415

    return FcmGateway(key_file=settings.fcm_key_file, url=settings.fcm_url)


def _missing(what: str, setting: str) -> Gateway:
    reason = f"{what} cannot be sent: {setting} is not set"
    logger.warning("%s; messages wait in the outbox until it is", reason)
    return Unconfigured(reason)
