/** Whether another CA than the present one may issue a bundle's certificates. Pure. */
import { type FailureInfo, failureInfo } from '../failures/failure.ts';
import type { SecretObservation } from './certificate-facts.ts';

/** Hosts of Let's Encrypt's directories (letsencrypt.org/docs/acme-protocol-updates). */
const LETS_ENCRYPT_PRODUCTION = 'acme-v02.api.letsencrypt.org';
/** Of its staging environment, whose roots no client trusts. */
export const LETS_ENCRYPT_STAGING = 'acme-staging-v02.api.letsencrypt.org';

/** Prefix of every issuer CN of Let's Encrypt's staging environment (letsencrypt.org/docs/staging-environment). */
const LETS_ENCRYPT_STAGING_ISSUER_PREFIX = '(STAGING)';

/** CRLs of Let's Encrypt. */
const LETS_ENCRYPT_CRL = /^https?:\/\/[^/]+\.c\.lencr\.org(:\d+)?\//i;

/** What decides about a change of the CA. Hosts are those of ACME directories, in any case. */
export interface CaChangeInputs {
  readonly secret: SecretObservation;
  /** Host of the CA that issued the bundle's last certificate, if recorded. */
  readonly issuedByCaHost?: string | undefined;
  /** Host that an order would go to now; undefined without a usable account. */
  readonly caHost?: string | undefined;
  /** Hosts of CAs that stand in for it: their certificates are kept until their renewal. */
  readonly fallbackCaHosts?: readonly string[] | undefined;
  /** Whether a person has allowed changes to the CA that an order would go to. */
  readonly caChangeAllowed?: boolean | undefined;
}

/**
 * The CA that issued the bundle's last certificate, where it is known to be another one than orders go to now: its host, or
 * words for it; undefined: the same one, or not known.
 */
export function formerCa({ secret, issuedByCaHost, caHost, fallbackCaHosts = [] }: CaChangeInputs): string | undefined {
  if (caHost === undefined) return undefined;
  const present = caHost.toLowerCase();
  const former = issuedByCaHost?.toLowerCase() ?? recognizedCa(secret);
  // Not recorded and not recognized, but not of staging either.
  if (former === undefined && present === LETS_ENCRYPT_STAGING && secret.kind === 'valid')
    return `another CA (${secret.certificate.issuerName})`;
  // Whatever the list says, a wrong account Secret must not replace what clients trust.
  const standsIn = present !== LETS_ENCRYPT_STAGING && fallbackCaHosts.some((host) => host.toLowerCase() === former);
  return former === present || standsIn ? undefined : former;
}

/** What a certificate of a fallback CA is: a sentence; undefined: it is from the first CA, or of an unknown one. */
export function fallbackNote({
  issuedByCaHost,
  caHost,
  fallbackCaHosts = [],
}: Omit<CaChangeInputs, 'secret'>): string | undefined {
  if (issuedByCaHost === undefined || issuedByCaHost === caHost || !fallbackCaHosts.includes(issuedByCaHost)) {
    return undefined;
  }
  return `It is from the fallback CA ${issuedByCaHost}; its renewal is ordered from ${caHost ?? 'the first CA'} again.`;
}

/**
 * Why nothing may be ordered: the order would go to another CA than the present one, whose certificates clients need not
 * trust, and no setting allows it. Only certificates of Let's Encrypt's staging, which no client trusts, may always be
 * replaced.
 */
export function refusedCaChange(inputs: CaChangeInputs): FailureInfo | undefined {
  const former = formerCa(inputs);
  if (former === undefined || former === LETS_ENCRYPT_STAGING || inputs.caChangeAllowed === true) return undefined;
  return failureInfo({
    code: 'acme/caChanged',
    message: `The present certificate is from ${former}, but the ACME account is one of ${inputs.caHost}. Nothing is replaced or renewed, so that a wrong account does no harm.`,
    remedy: `Put the account of ${former} back into the Secret lets-encrypt-account. If the change is meant, set CERTMAN_ALLOW_CA_CHANGE_TO=${inputs.caHost} for the workers.`,
  });
}

/** certman-operator records no CA, but its certificates are all from Let's Encrypt. */
function recognizedCa(secret: SecretObservation): string | undefined {
  if (secret.kind !== 'valid') return undefined;
  const { issuerName, crlUrl = '' } = secret.certificate;
  if (issuerName.startsWith(LETS_ENCRYPT_STAGING_ISSUER_PREFIX)) return LETS_ENCRYPT_STAGING;
  return LETS_ENCRYPT_CRL.test(crlUrl) ? LETS_ENCRYPT_PRODUCTION : undefined;
}
