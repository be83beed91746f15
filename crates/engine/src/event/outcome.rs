//! How a call ended: its error class (reference: KMS API common errors and key-state table).

use super::fields::{Read, string};
use crate::json::{Kind, Text, Value};

/// What an error means for detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorClass {
    /// No permission.
    Denied,
    /// The key cannot be used in its state: disabled, pending deletion or import, unavailable.
    KeyState,
    /// Too many calls.
    Throttled,
    /// The request was wrong.
    BadInput,
    /// No such key or alias.
    NotFound,
    /// Wrong key, context, signature or MAC.
    CryptoMismatch,
    /// `DryRunOperationException`: it would have worked.
    DryRun,
    /// AWS or a key store failed.
    ServiceFault,
    /// A code that this version does not know.
    Other,
}

/// How a call ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// The error, if it failed.
    pub error: Option<CallError<'a>>,
}

/// An error as CloudTrail writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError<'a> {
    /// `errorCode`.
    pub code: Text<'a>,
    /// `errorMessage`.
    pub message: Option<Text<'a>>,
    /// What it means.
    pub class: ErrorClass,
}

impl Outcome<'_> {
    /// The class of the error, if it failed.
    pub fn class(&self) -> Option<ErrorClass> {
        self.error.as_ref().map(|error| error.class)
    }
}

impl<'a> Outcome<'a> {
    /// Reads `errorCode` and `errorMessage`. No code means success, whatever the message says.
    pub(super) fn read(code: Value<'a>, message: Value<'a>) -> Read<Outcome<'a>> {
        let code = match code.kind() {
            // A code of another type is odd, but it still says that the call failed.
            Kind::Number | Kind::Bool => Some(Text::Borrowed(code.raw())),
            _ => string(code)?,
        };
        let Some(code) = code else { return Ok(Outcome::default()) };
        let class = ErrorClass::of(&code);
        Ok(Outcome { error: Some(CallError { code, message: string(message)?, class }) })
    }
}

/// Longest code that can be a known one, in bytes, with room for a prefix such as `Client.`.
const LONGEST_CODE: usize = 96;

impl ErrorClass {
    /// The class of an `errorCode`, in any case and with or without a prefix such as `KMS.` or `Client.`.
    /// Modelled codes are from the KMS API model, the others from the common errors of AWS APIs.
    pub fn of(code: &str) -> ErrorClass {
        let mut buffer = [0u8; LONGEST_CODE];
        let Some(lower) = buffer.get_mut(..code.len()) else { return ErrorClass::Other };
        lower.copy_from_slice(code.as_bytes());
        lower.make_ascii_lowercase();
        let name = lower.rsplit(|b| matches!(b, b'.' | b'#' | b':')).next().unwrap_or_default();
        // Some services write the code with the ending, some without: AccessDenied, AccessDeniedException.
        let name = name.strip_suffix(b"exception").unwrap_or(name);
        match name {
            b"accessdenied"
            | b"vpceaccessdenied"
            | b"unauthorizedoperation"
            | b"unauthorized"
            | b"notauthorized"
            | b"optinrequired"
            | b"unrecognizedclient"
            | b"invalidclienttokenid"
            | b"expiredtoken"
            | b"incompletesignature"
            | b"signaturedoesnotmatch"
            | b"forbidden" => ErrorClass::Denied,
            b"disabled"
            | b"kmsinvalidstate"
            | b"keyunavailable"
            | b"customkeystoreinvalidstate"
            | b"customkeystorenotfound"
            | b"xkskeynotfound"
            | b"cloudhsmclusternotactive"
            | b"cloudhsmclusterinvalidconfiguration" => ErrorClass::KeyState,
            b"throttling"
            | b"throttled"
            | b"limitexceeded"
            | b"requestlimitexceeded"
            | b"toomanyrequests" => ErrorClass::Throttled,
            b"validation"
            | b"validationerror"
            | b"invalidarn"
            | b"invalidaliasname"
            | b"invalidgrantid"
            | b"invalidgranttoken"
            | b"invalidmarker"
            | b"invalidkeyusage"
            | b"unsupportedoperation"
            | b"malformedpolicydocument"
            | b"tag"
            | b"alreadyexists"
            | b"conflict"
            | b"invalidimporttoken"
            | b"expiredimporttoken"
            | b"incorrectkeymaterial"
            | b"incorrecttrustanchor"
            | b"customkeystorehascmks"
            | b"customkeystorenameinuse"
            | b"cloudhsmclusterinuse"
            | b"cloudhsmclusternotfound"
            | b"cloudhsmclusternotrelated"
            | b"xkskeyalreadyinuse"
            | b"xkskeyinvalidconfiguration"
            | b"xksproxyinvalidconfiguration"
            | b"xksproxyuriendpointinuse"
            | b"xksproxyuriinuse"
            | b"xksproxyvpcendpointserviceinuse"
            | b"xksproxyvpcendpointserviceinvalidconfiguration"
            | b"xksproxyvpcendpointservicenotfound" => ErrorClass::BadInput,
            b"notfound" => ErrorClass::NotFound,
            b"invalidciphertext" | b"incorrectkey" | b"kmsinvalidsignature" | b"kmsinvalidmac" => {
                ErrorClass::CryptoMismatch
            }
            b"dryrunoperation" => ErrorClass::DryRun,
            b"kmsinternal"
            | b"dependencytimeout"
            | b"internalfailure"
            | b"internalerror"
            | b"internalserver"
            | b"serviceunavailable"
            | b"xksproxyuriunreachable"
            | b"xksproxyinvalidresponse"
            | b"xksproxyincorrectauthenticationcredential" => ErrorClass::ServiceFault,
            _ => ErrorClass::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing;
    use serde_json::json;

    #[test]
    fn codes_mean_the_same_in_any_case_and_with_any_prefix() {
        for (class, codes) in [
            (
                ErrorClass::Denied,
                &[
                    "AccessDenied",
                    "accessdenied",
                    "AccessDeniedException",
                    "VpceAccessDenied",
                    "KMS.AccessDeniedException",
                    "Client.UnauthorizedOperation",
                    "Client.AccessDenied",
                    "NotAuthorized",
                    "OptInRequired",
                    "UnrecognizedClientException",
                    "InvalidClientTokenId",
                    "ExpiredTokenException",
                    "IncompleteSignature",
                ][..],
            ),
            (
                ErrorClass::KeyState,
                &[
                    "DisabledException",
                    "KMS.DisabledException",
                    "KMSInvalidStateException",
                    "KeyUnavailableException",
                ],
            ),
            (
                ErrorClass::Throttled,
                &["ThrottlingException", "LimitExceededException", "RequestLimitExceeded"],
            ),
            (ErrorClass::NotFound, &["NotFoundException", "KMS.NotFoundException"]),
            (
                ErrorClass::CryptoMismatch,
                &[
                    "InvalidCiphertextException",
                    "IncorrectKeyException",
                    "KMSInvalidSignatureException",
                    "KMSInvalidMacException",
                ],
            ),
            (ErrorClass::DryRun, &["DryRunOperationException", "dryrunoperationexception"]),
            (
                ErrorClass::ServiceFault,
                &["KMSInternalException", "DependencyTimeoutException", "ServiceUnavailableException"],
            ),
            (
                ErrorClass::BadInput,
                &[
                    "ValidationException",
                    "InvalidKeyUsageException",
                    "TagException",
                    "ConflictException",
                    "MalformedPolicyDocumentException",
                ],
            ),
            (ErrorClass::Other, &["", "string", "NoSuchThing", "exception", "Exception", &"X".repeat(500)]),
        ] {
            for code in codes {
                assert_eq!(ErrorClass::of(code), class, "{code}");
            }
        }
    }

    #[test]
    fn a_code_that_is_null_or_empty_means_success() {
        for code in [json!(null), json!(""), json!({}), json!([])] {
            let record = testing::kms("Decrypt").set("errorCode", code).set("errorMessage", "x");
            record.event(|event| assert!(event.succeeded() && event.outcome == Outcome::default()));
        }
    }

    #[test]
    fn a_failure_keeps_its_code_and_message() {
        testing::kms("Decrypt").failed("SomethingNew", "why").event(|event| {
            let error = event.outcome.error.as_ref().unwrap();
            assert_eq!((error.code.as_ref(), error.message.as_deref()), ("SomethingNew", Some("why")));
            assert_eq!(event.outcome.class(), Some(ErrorClass::Other));
            assert!(!event.succeeded() && !event.denied());
        });
        let without_message = testing::kms("Decrypt").set("errorCode", "AccessDenied");
        without_message.event(|event| assert!(event.denied()));
        testing::kms("Decrypt").set("errorCode", 403).event(|event| assert!(!event.succeeded()));
    }

    #[test]
    fn a_dry_run_is_told_by_its_parameter_or_by_its_code() {
        let dry = testing::kms("Decrypt").set("requestParameters.dryRun", true);
        for record in [
            dry.clone().failed("DryRunOperationException", "The request would have succeeded"),
            dry.clone().denied(),
            dry,
            testing::kms("Decrypt").set("requestParameters.dryRun", "true"),
            testing::kms("Decrypt").failed("DryRunOperationException", ""),
            testing::kms("GenerateDataKey").failed("DryRunOperationException", "").through("lambda"),
        ] {
            record.event(|event| assert!(event.dry_run && !event.succeeded()));
        }
        testing::kms("Decrypt")
            .set("requestParameters.dryRun", false)
            .event(|event| assert!(event.succeeded()));
    }
}
