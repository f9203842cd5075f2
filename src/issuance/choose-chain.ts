import type { X509Certificate } from 'node:crypto';
import { type DownloadedChain, downloadChain, readLeaf } from '../acme/certificate.ts';
import type { AcmeClient } from '../acme/client.ts';
import { CertmanError } from '../failures/failure.ts';
import type { ChainRefusal } from '../x509/verify-chain.ts';
import type { ChainGate, ChainToVerify } from './chain-gate.ts';

const HOUR_MS = 3_600_000;
/** A certificate whose chains were refused for so long is given up, and the next attempt orders another. */
const MAX_REFUSED_MS = 24 * HOUR_MS;
/** The same for certificates of a few days. */
const MAX_REFUSED_SHARE = 1 / 10;
const MAX_REASONS_LENGTH = 600;

/** A chain that may be installed, or why the certificate can never be, with which key or names it is for. */
export type ChosenChain =
  | { readonly chainPem: string; readonly unusable?: undefined }
  | { readonly chainPem?: undefined; readonly unusable: string };

/** A certificate as the CA offers it. */
export interface OfferedCertificate {
  readonly url: string;
  readonly downloaded: DownloadedChain;
  readonly leaf: X509Certificate;
}

/**
 * The default chain, or the first alternate one (RFC 8555 §7.4.2) that the gate accepts.
 * @throws CertmanError `certificate/chainNotTrusted` when none is.
 */
export async function chooseChain(
  ca: AcmeClient,
  gate: Pick<ChainGate, 'verify'>,
  offered: OfferedCertificate,
  wanted: Pick<ChainToVerify, 'key' | 'keyPem' | 'dnsNames' | 'trustedByHive'>,
): Promise<ChosenChain> {
  const verify = (chainPem: string) => gate.verify({ ...wanted, chainPem, caHost: ca.host });
  const { url, downloaded, leaf } = offered;
  const refusal = await verify(downloaded.chainPem);
  if (refusal === undefined) return { chainPem: downloaded.chainPem };
  const { reason, message } = refusal;
  // In every chain, the leaf is the same.
  if (reason === 'wrongKey' || reason === 'wrongNames') return { unusable: message };
  const others: string[] = [];
  for (const alternate of downloaded.alternates) {
    const found = await alternateChain(ca, alternate, leaf);
    const why = found.chainPem === undefined ? found.why : (await verify(found.chainPem))?.message;
    if (why === undefined && found.chainPem !== undefined) return { chainPem: found.chainPem };
    others.push(`${alternate}: ${why}`);
  }
  const alternates =
    others.length === 0 ? 'The CA offers no other.' : `The alternate ones are refused too (${others.join('; ')}).`;
  const reasons = `its chain would be refused by clients: ${message}. ${alternates}`.slice(0, MAX_REASONS_LENGTH);
  if (isGivenUp(leaf)) {
    const since = leaf.validFromDate.toISOString();
    return { unusable: `${reasons.replace(/\.$/, '')}; issued at ${since}, it is waited for no longer` };
  }
  throw notTrustedError(url, reasons, refusal);
}

async function alternateChain(
  ca: AcmeClient,
  url: string,
  leaf: X509Certificate,
): Promise<{ readonly chainPem: string } | { readonly chainPem?: undefined; readonly why: string }> {
  if (!(await ca.ownsUrl(url))) return { why: `it is not at the CA ${ca.host}` };
  try {
    const { chainPem } = await downloadChain(ca, url);
    return readLeaf(chainPem).raw.equals(leaf.raw) ? { chainPem } : { why: 'it is for another certificate' };
  } catch (error) {
    ca.signal?.throwIfAborted();
    if (!(error instanceof CertmanError)) throw error;
    return { why: error.message };
  }
}

/** The CA may mend its chain; another certificate costs an order, of which an exact set of names has five a week. */
export function isGivenUp({ validFromDate, validToDate }: X509Certificate): boolean {
  const lifetimeMs = validToDate.getTime() - validFromDate.getTime();
  return Date.now() - validFromDate.getTime() > Math.min(MAX_REFUSED_MS, lifetimeMs * MAX_REFUSED_SHARE);
}

function notTrustedError(url: string, reasons: string, { reason }: ChainRefusal): CertmanError {
  const again = 'The Secret is unchanged. The next attempt downloads the same certificate again, and orders none.';
  return new CertmanError({
    code: 'certificate/chainNotTrusted',
    message: `The certificate at ${url} is not installed: ${reasons}`,
    remedy: `${again} ${adviceOn(reason)}`,
  });
}

function adviceOn(reason: ChainRefusal['reason']): string {
  if (reason === 'noTrustedRoot')
    return 'If clients do trust that CA, add its root to CERTMAN_TRUST_BUNDLE (docs/chain.md).';
  if (reason === 'notTrustedByHive')
    return 'Add its root to a Secret of additionalCertificateAuthoritiesSecretRef in HiveConfig, or set CERTMAN_HIVE_TRUST_CHECK=off (docs/chain.md).';
  return 'If it persists, ask the CA (docs/chain.md).';
}
