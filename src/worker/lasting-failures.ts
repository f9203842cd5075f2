/** Failures of a start that no further attempt mends: a person has to. */
import { errorCodeOf, isUntrustedCertificate } from '../failures/error-code.ts';
import { CertmanError } from '../failures/failure.ts';
import { GRPC_STATUS, grpcCodeOf } from '../temporal/grpc-status.ts';

/** Of rustls: https://docs.rs/rustls/latest/rustls/enum.AlertDescription.html */
const REFUSED_BY_SERVER =
  /(?:fatal alert: |AlertReceived\()(CertificateRequired|BadCertificate|UnsupportedCertificate|CertificateRevoked|CertificateExpired|CertificateUnknown|UnknownCA|UnknownCa|AccessDenied|HandshakeFailure|ProtocolVersion|UnrecognizedName|UnrecognisedName)/;

/**
 * The native connection says what has failed in texts of its libraries alone. What a frontend says of credentials that it does not
 * know (UNAUTHENTICATED) is not among them: a key in a mounted file is renewed there.
 * Sources: rustls `Error`, tonic `Code`.
 */
const TEXTS: readonly { readonly pattern: RegExp; readonly problem: string; readonly remedy: string }[] = [
  {
    pattern: /InvalidCertificate\((\w+)/,
    problem: 'presents a certificate that is not accepted',
    remedy:
      'Check its CA (TEMPORAL_TLS_SERVER_CA_CERT_PATH), its name (TEMPORAL_TLS_SERVER_NAME) and until when it is valid.',
  },
  {
    pattern: /(InvalidContentType)/,
    problem: 'does not speak TLS',
    remedy:
      'Check the port of TEMPORAL_ADDRESS; without TLS at the frontend, leave out TEMPORAL_TLS and TEMPORAL_TLS_*.',
  },
  {
    pattern: /(PrivateKeyParseError|CertificateParseError|InconsistentKeys|NoCertificatesPresented)/,
    problem: 'cannot be connected to with this client certificate and key',
    remedy:
      'Check that TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH are in PEM, and of one certificate.',
  },
  {
    pattern: REFUSED_BY_SERVER,
    problem: 'refuses the TLS connection',
    remedy:
      'Check the client certificate (TEMPORAL_TLS_CLIENT_CERT_PATH, TEMPORAL_TLS_CLIENT_KEY_PATH): whether there is one, of a CA that the frontend knows, and until when it is valid.',
  },
  {
    // Not the kind of an error of the operating system, as of a NetworkPolicy that denies the connection.
    pattern: /((?<!kind: )PermissionDenied|The caller does not have permission)/,
    problem: 'denies the permission',
    remedy: 'Have the rights of a worker in the namespace given to the credentials of TEMPORAL_*.',
  },
];

/** @param address `host:port`. @returns undefined where another attempt may succeed. */
export function lastingTemporalFailure(address: string, error: unknown): CertmanError | undefined {
  if (error instanceof CertmanError) return error.code === 'configuration/invalid' ? error : undefined;
  if (!(error instanceof Error)) return undefined;
  const text = grpcCodeOf(error) === GRPC_STATUS.PERMISSION_DENIED ? 'PermissionDenied' : error.message;
  for (const { pattern, problem, remedy } of TEXTS) {
    const [, why] = pattern.exec(text) ?? [];
    if (why !== undefined)
      return new CertmanError({
        code: 'configuration/invalid',
        message: `Temporal at ${address} ${problem} (${why}).`,
        remedy,
        cause: error,
      });
  }
  return undefined;
}

/** Of Node.js, beside those of a CA that is not known: https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const UNUSABLE_CERTIFICATE_CODES = new Set([
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REVOKED',
]);

/** Rights, credentials that cannot be read, and a certificate that is not accepted. @returns undefined where another attempt may succeed. */
export function lastingKubernetesFailure(error: unknown): CertmanError | undefined {
  if (!(error instanceof CertmanError)) return undefined;
  if (error.code === 'configuration/invalid' || error.code === 'kubernetes/forbidden') return error;
  const { cause } = error;
  if (!isUntrustedCertificate(cause) && !UNUSABLE_CERTIFICATE_CODES.has(errorCodeOf(cause) ?? '')) return undefined;
  return new CertmanError({
    code: 'configuration/invalid',
    message: error.message,
    remedy:
      'Check the CA and the address of the API server in the kubeconfig, and until when its certificate is valid.',
    cause: error,
  });
}
