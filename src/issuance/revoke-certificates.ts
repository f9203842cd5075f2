import type { X509Certificate } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { downloadChain, readLeaf } from '../acme/certificate.ts';
import type { AcmeClient } from '../acme/client.ts';
import { isPrivateKeyOf } from '../acme/key-possession.ts';
import { fetchOrder, type Order } from '../acme/order.ts';
import { AcmeProblemError } from '../acme/problems.ts';
import { revokeCertificate } from '../acme/revoke-certificate.ts';
import type { IssuedCertificate, RevocationEntry, RevokeCertificatesInput } from '../contract/activities.ts';
import { CertmanError } from '../failures/failure.ts';
import { secretOwnershipOf } from '../kubernetes/objects/secret-ownership.ts';
import { readTlsSecret } from '../kubernetes/objects/secrets.ts';
import type { IssuanceDeps } from './dependencies.ts';

/**
 * Revokes the certificate in the Secret and those listed, each once. The CA is asked only about what is still valid, so that
 * a cluster without a valid certificate can go even when there is no account any more.
 * @throws CertmanError when one could not be settled; the others were tried, and a repetition finds them revoked.
 */
export async function revokeCertificates(
  deps: IssuanceDeps,
  input: RevokeCertificatesInput,
): Promise<readonly RevocationEntry[]> {
  const signal = Context.current().cancellationSignal;
  const entries: RevocationEntry[] = [];
  const failures: unknown[] = [];
  const settle = async (revocation: () => Promise<RevocationEntry>): Promise<void> => {
    try {
      entries.push(await revocation());
    } catch (error) {
      signal.throwIfAborted();
      failures.push(error);
    }
  };

  const installed = await readInstalled(deps, input, signal);
  if ('outcome' in installed) entries.push(installed);
  else await settle(() => revoke(deps, installed.leaf, input, signal));
  const settled = new Set('leaf' in installed ? [decimalSerial(installed.leaf)] : []);
  for (const issued of input.issued) {
    if (settled.has(issued.serialNumber)) continue;
    settled.add(issued.serialNumber);
    await settle(() => revokeIssued(deps, issued, input, signal));
  }
  for (const url of input.orders ?? []) {
    try {
      const leaf = await deps.ca.withClient((ca) => unclaimedCertificate(ca, url, signal));
      if (leaf === undefined || settled.has(decimalSerial(leaf))) continue;
      settled.add(decimalSerial(leaf));
      await settle(() => revoke(deps, leaf, input, signal));
    } catch (error) {
      signal.throwIfAborted();
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return entries;
}

/**
 * What is in the Secret, where it is shown to be the request's own: issued here, or there with its key (whose holder may revoke
 * it, RFC 8555 §7.6). A certificate alone can be had by anybody from a TLS handshake, and the account has made those of all.
 */
async function readInstalled(
  deps: IssuanceDeps,
  input: RevokeCertificatesInput,
  signal: AbortSignal,
): Promise<RevocationEntry | { readonly leaf: X509Certificate }> {
  const where = `Secret ${input.namespace}/${input.secretName}`;
  if (input.secretName === '') return missing('', 'There was no Secret for it.');
  const secret = await readTlsSecret(deps.kubernetes, { namespace: input.namespace, name: input.secretName }, signal);
  if (secret.kind === 'missing') return missing('', `${where} is not there: nothing in it to revoke.`);
  const tie =
    input.requestName === undefined ? undefined : secretOwnershipOf(secret.metadata, { name: input.requestName });
  if (tie?.kind === 'foreign') return missing('', `${where} belongs to ${tie.holder}: nothing in it is revoked.`);
  if (secret.chainPem === undefined) return missing('', `${where} holds no certificate that could be revoked.`);
  const leaf = readLeaf(secret.chainPem);
  const serialNumber = decimalSerial(leaf);
  if (isExpired(leaf) || input.issued.some((one) => one.serialNumber === serialNumber)) return { leaf };
  if (secret.kind === 'valid' && (await isPrivateKeyOf(secret.keyPem, leaf.publicKey))) return { leaf };
  const message = `${where} holds certificate ${serialNumber}, which was not issued here, and not its key: it may be anybody's, and is left valid. Whoever has its key can revoke it.`;
  return { serialNumber, outcome: 'notIssuedHere', message };
}

async function revokeIssued(
  deps: IssuanceDeps,
  issued: IssuedCertificate,
  input: RevokeCertificatesInput,
  signal: AbortSignal,
): Promise<RevocationEntry> {
  const { serialNumber, certificateUrl, notAfter } = issued;
  if (Date.parse(notAfter) <= Date.now()) {
    return { serialNumber, outcome: 'expired', message: `Expired on ${notAfter}; nothing to revoke.` };
  }
  if (certificateUrl === undefined) {
    if (issued.leaf === undefined) return missing(serialNumber, 'Nothing is left of it that it could be revoked by.');
    return revoke(deps, readLeaf(Buffer.from(issued.leaf, 'base64')), input, signal);
  }
  return deps.ca.withClient(async (ca): Promise<RevocationEntry> => {
    if (!(await ca.ownsUrl(certificateUrl))) {
      const message = `${certificateUrl} is not of the CA ${ca.host}, whose account is configured now.`;
      return { serialNumber, outcome: 'unknownToAccount', message };
    }
    const leaf = await downloadIfPresent(ca, certificateUrl, signal);
    if (leaf === undefined) return missing(serialNumber, `The CA ${ca.host} no longer has ${certificateUrl}.`);
    return { serialNumber, ...(await revokeCertificate(ca, leaf, input.reason, signal)) };
  });
}

/** The certificate of an order that nobody has waited for; undefined when there is none and will be none. */
async function unclaimedCertificate(
  ca: AcmeClient,
  url: string,
  signal: AbortSignal,
): Promise<X509Certificate | undefined> {
  if (!(await ca.ownsUrl(url))) return undefined;
  const order = await fetchOrderIfPresent(ca, url, signal);
  if (order?.status === 'processing') {
    throw new CertmanError({
      code: 'acme/pending',
      message: `The CA ${ca.host} is still making the certificate of the order ${url}, which is to be revoked.`,
      remedy: 'It is looked at again shortly.',
    });
  }
  return order?.certificate === undefined ? undefined : downloadIfPresent(ca, order.certificate, signal);
}

async function fetchOrderIfPresent(ca: AcmeClient, url: string, signal: AbortSignal): Promise<Order | undefined> {
  try {
    return await fetchOrder(ca, url, signal);
  } catch (error) {
    if (error instanceof CertmanError && error.code === 'acme/orderGone') return undefined;
    throw error;
  }
}

async function revoke(
  deps: IssuanceDeps,
  leaf: X509Certificate,
  input: RevokeCertificatesInput,
  signal: AbortSignal,
): Promise<RevocationEntry> {
  const serialNumber = decimalSerial(leaf);
  if (isExpired(leaf)) {
    const message = `Expired on ${leaf.validToDate.toISOString()}; nothing to revoke.`;
    return { serialNumber, outcome: 'expired', message };
  }
  return deps.ca.withClient(async (ca) => ({
    serialNumber,
    ...(await revokeCertificate(ca, leaf, input.reason, signal)),
  }));
}

async function downloadIfPresent(
  ca: AcmeClient,
  url: string,
  signal: AbortSignal,
): Promise<X509Certificate | undefined> {
  try {
    return readLeaf(await downloadChain(ca, url, signal));
  } catch (error) {
    if (error instanceof AcmeProblemError && (error.status === 404 || error.code === 'acme/unauthorized'))
      return undefined;
    throw error;
  }
}

function missing(serialNumber: string, message: string): RevocationEntry {
  return { serialNumber, outcome: 'missing', message };
}

function isExpired({ validToDate }: X509Certificate): boolean {
  return validToDate.getTime() <= Date.now();
}

function decimalSerial(leaf: X509Certificate): string {
  return BigInt(`0x${leaf.serialNumber}`).toString();
}
