import { CertmanError } from '../failures/failure.ts';
import { caNameOf } from './directory.ts';
import { errorFromResponse, ofAnotherResource } from './problems.ts';
import type { AcmeSession } from './session.ts';
import type { TransportResponse } from './transport.ts';

/** Retries of a request that was refused with badNonce (RFC 8555 §6.5). */
const MAX_BAD_NONCE_RETRIES = 8;
const BAD_NONCE = 'urn:ietf:params:acme:error:badNonce';

/**
 * Sends a signed request (RFC 8555 §6.2); after badNonce again, with the nonce of that answer.
 * @param kid the account's URL; null: signed by the key alone. @throws CertmanError as `AcmeTransport.send`.
 */
export async function sendSigned(
  session: AcmeSession,
  { url, payload, kid }: { readonly url: string; readonly payload: object | null; readonly kid: string | null },
  signal: AbortSignal | undefined,
): Promise<TransportResponse> {
  let nonce: string | undefined;
  for (let retries = 0; ; retries += 1) {
    nonce ||= session.nonces.take() ?? (await fetchNonce(session, signal));
    const body = session.signer.createSignedBody(url, payload, { nonce, kid });
    const answer = await session.transport.send('POST', url, JSON.stringify(body), signal);
    const next = answer.headers['replay-nonce'];
    if (!isBadNonce(answer)) {
      session.nonces.put(next);
      return answer;
    }
    if (retries === MAX_BAD_NONCE_RETRIES) return answer;
    nonce = next;
  }
}

async function fetchNonce(session: AcmeSession, signal: AbortSignal | undefined): Promise<string> {
  const { newNonce } = await session.directory();
  const answer = await session.transport.send('HEAD', newNonce, undefined, signal);
  const { status, headers } = answer;
  const nonce = headers['replay-nonce'];
  if (nonce !== undefined) return nonce;
  if (status >= 300) {
    throw ofAnotherResource(errorFromResponse(caNameOf(session.account.directoryUrl), 'a nonce', answer));
  }
  throw new CertmanError({ code: 'acme/unexpected', message: `${newNonce} returned no nonce (HTTP ${status}).` });
}

function isBadNonce({ status, data }: TransportResponse): boolean {
  return status === 400 && typeof data === 'object' && data !== null && 'type' in data && data.type === BAD_NONCE;
}
