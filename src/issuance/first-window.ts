import type { AcmeClient } from '../acme/client.ts';
import { fetchRenewalInfo } from '../acme/renewal-info.ts';
import type { CertificateFacts } from '../certificates/certificate-facts.ts';
import type { RenewalWindow } from '../certificates/renewal-window.ts';
import { pause } from '../kubernetes/api/backoff.ts';
import type { AttemptContext } from './context.ts';

/** The certificate is in use already; the ARI poller asks again. */
const TIMEOUT_MS = 5_000;

/**
 * The window that the CA suggests for a certificate that it has just issued (RFC 9773). Saves the signal of the ARI poller.
 * @returns undefined where the CA has none, or does not answer within seconds.
 */
export async function firstWindowOf(
  ca: AcmeClient,
  { certId }: CertificateFacts,
  { signal, log }: Pick<AttemptContext, 'signal' | 'log'>,
): Promise<RenewalWindow | undefined> {
  if (certId === undefined) return undefined;
  const answered = new AbortController();
  const request = fetchRenewalInfo(ca, certId).catch((error: unknown) => {
    const problem = error instanceof Error ? error.message : String(error);
    log.info('The CA does not say yet when to renew a new certificate', { certId, problem });
    return undefined;
  });
  const timeout = pause(TIMEOUT_MS, AbortSignal.any([signal, answered.signal])).catch(() => undefined);
  const info = await Promise.race([request, timeout]);
  answered.abort();
  return info?.kind === 'window' ? info.window : undefined;
}
