/** The baseline: acme-client in a loop against the same CA, without durability and without validation. */
import { readFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import acme from 'acme-client';
import pLimit from 'p-limit';

const MAX_CONCURRENCY = 16;
/** Pebble answers within seconds on any machine: one that has not is stuck (`test/support/faults/upstream.ts`). */
const ANSWER_TIMEOUT_MS = 60_000;

/** Values of `CERTMAN_KEY_TYPE` that are measured. */
export type KeyType = 'p-256' | 'rsa-2048';

/** What {@link measureBaseline} issues. */
export interface BaselineInput {
  readonly directoryUrl: string;
  readonly caFile: string;
  readonly keyType: KeyType;
  /** Names of each certificate. */
  readonly certificates: readonly (readonly string[])[];
}

/** True if the CA left a request unanswered. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNABORTED';
}

/**
 * Issues all certificates.
 * @returns certificates per minute.
 * @throws AxiosError for which {@link isUnanswered} is true.
 */
export async function measureBaseline(input: BaselineInput): Promise<number> {
  acme.axios.defaults.httpsAgent = new Agent({ ca: await readFile(input.caFile), keepAlive: true });
  acme.axios.defaults.timeout = ANSWER_TIMEOUT_MS;
  const client = new acme.Client({
    directoryUrl: input.directoryUrl,
    accountKey: await acme.crypto.createPrivateEcdsaKey('P-256'),
    backoffMin: 100,
    backoffMax: 1_000,
  });
  await client.createAccount({ termsOfServiceAgreed: true });
  const limit = pLimit(MAX_CONCURRENCY);
  const begin = performance.now();
  await Promise.all(input.certificates.map((names) => limit(() => issue(client, names, input.keyType))));
  return (input.certificates.length / (performance.now() - begin)) * 60_000;
}

async function issue(client: acme.Client, names: readonly string[], keyType: KeyType): Promise<void> {
  const [key, csr] = await acme.crypto.createCsr(
    { altNames: [...names] },
    keyType === 'rsa-2048'
      ? await acme.crypto.createPrivateRsaKey(2048)
      : await acme.crypto.createPrivateEcdsaKey('P-256'),
  );
  const order = await client.createOrder({ identifiers: names.map((value) => ({ type: 'dns', value })) });
  const authorizations = await client.getAuthorizations(order);
  await Promise.all(
    authorizations.map(async (authorization) => {
      const challenge = authorization.challenges.find(({ type }) => type === 'dns-01');
      if (challenge === undefined || authorization.status === 'valid') return;
      await client.completeChallenge(challenge);
      await client.waitForValidStatus(authorization);
    }),
  );
  const finalized = await client.finalizeOrder(order, csr);
  const chain = await client.getCertificate(finalized);
  if (key.length === 0 || !chain.includes('BEGIN CERTIFICATE'))
    throw new Error('the response of the CA has no certificate');
}
