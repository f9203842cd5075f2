import { CertmanError } from '../failures/failure.ts';
import { caNameOf } from './directory.ts';
import { errorFromResponse, ofAnotherResource, rejectsKey } from './problems.ts';
import type { AcmeSession } from './session.ts';
import type { TransportResponse } from './transport.ts';

/** Retries of a request that was refused with badNonce (RFC 8555 §6.5). */
const MAX_BAD_NONCE_RETRIES = 8;
const BAD_NONCE = 'urn:ietf:params:acme:error:badNonce';

/** What is signed, and how. */
export interface SignedRequest {
  readonly url: string;
  /** null: POST-as-GET (RFC 8555 §6.3). */
  readonly payload: object | null;
  /** The account's URL; null: signed by the key alone. */
  readonly kid: string | null;
  /** Thumbprint of the only key that it may be signed with. */
  readonly onlyUnderKey?: string | undefined;
}

/**
 * Sends a signed request (RFC 8555 §6.2): after badNonce again, with the nonce of that answer; once more with the other key
 * when the account's was changed meanwhile.
 * @throws CertmanError as `AcmeTransport.send`, `acme/accountKeyChanged`.
 */
export async function sendSigned(
  session: AcmeSession,
  { url, payload, kid, onlyUnderKey }: SignedRequest,
  signal: AbortSignal | undefined,
): Promise<TransportResponse> {
  let nonce: string | undefined;
  let isOtherKey = false;
  for (let retries = 0; ; retries += 1) {
    nonce ||= session.nonces.take() ?? (await fetchNonce(session, signal));
    const { signer } = session;
    if (onlyUnderKey !== undefined && onlyUnderKey !== signer.thumbprint) throw keyChangedError(session);
    const body = signer.sign(url, payload, { nonce, kid });
    const answer = await session.transport.send('POST', url, JSON.stringify(body), signal);
    const next = answer.headers['replay-nonce'];
    if (!isBadNonce(answer)) {
      session.nonces.put(next);
      const mayBeChanged = kid !== null && !isOtherKey && rejectsKey(answer);
      if (!mayBeChanged || !(await session.replaceKey(signer.thumbprint))) return answer;
      isOtherKey = true;
      nonce = undefined;
      continue;
    }
    if (retries === MAX_BAD_NONCE_RETRIES) return answer;
    nonce = next;
  }
}

function keyChangedError({ account }: AcmeSession): CertmanError {
  return new CertmanError({
    code: 'acme/accountKeyChanged',
    message: `The key of the ACME account at ${caNameOf(account.directoryUrl)} was changed after the TXT records of this order were made, which no longer prove its names.`,
    remedy: 'certman resumes the order with new TXT records.',
  });
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
