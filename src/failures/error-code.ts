/** The `code` of a Node or undici error, or of what caused it: unlike a message, it never quotes what a peer sent. */
export function errorCodeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return errorCodeOf(error instanceof AggregateError ? error.errors[0] : error.cause);
}

/** https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const UNTRUSTED_CERTIFICATE_CODES = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Whether a TLS certificate is of a CA that is not trusted, which another CA bundle can resolve. */
export function isUntrustedCertificate(error: unknown): boolean {
  return UNTRUSTED_CERTIFICATE_CODES.has(errorCodeOf(error) ?? '');
}
