import type { X509Certificate } from 'node:crypto';
import type { CaList } from '../acme/ca-list.ts';
import { downloadChain, readLeaf, revokeCertificate } from '../acme/certificate.ts';
import type { AcmeClient } from '../acme/client.ts';
import type { AcmeClientSource } from '../acme/client-source.ts';
import { findOrder, orderPendingError } from '../acme/order.ts';
import { isPrivateKeyOf } from '../acme/private-key.ts';
import { isGone } from '../acme/problems.ts';
import type { IssuedCertificate } from '../certificates/certificate-facts.ts';
import { isUsedElsewhere } from '../clusters/gate.ts';
import type { RevocationEntry, RevokeCertificatesInput } from '../contract/activities/acme.ts';
import type { BundleRef } from '../contract/activities/bundle-ref.ts';
import { CertmanError } from '../failures/failure.ts';
import type { ObjectMeta } from '../kubernetes/api/kubernetes-api.ts';
import { notAskedFor } from '../kubernetes/objects/asked-for.ts';
import { type BundleOwner, readBundleOwner } from '../kubernetes/objects/bundle-owner.ts';
import { ownerOf } from '../kubernetes/objects/secret-ownership.ts';
import { readTlsSecret, type TlsSecret } from '../kubernetes/objects/tls-secret.ts';
import { serialNumberOf } from '../x509/certificate.ts';
import type { AttemptContext } from './context.ts';
import { bundlesOf } from './issued-to.ts';

/** An attempt that asks for a client of a CA only when it needs one. */
export type RevocationContext = AttemptContext & { readonly cas: CaList };

/**
 * Revokes the certificates of the Secret, the list and the orders, each once. Needs no ACME account when none is valid. Of
 * the list and the orders, only what certman sealed for the bundle, under the present account: others it cannot revoke.
 * @throws CertmanError `kubernetes/notAskedFor` while the object asks for the bundle's certificate; else the first CertmanError after all were tried; a retry finds the others revoked.
 */
export async function revokeCertificates(
  context: RevocationContext,
  input: RevokeCertificatesInput,
): Promise<readonly RevocationEntry[]> {
  const { signal, cas } = context;
  const entries: RevocationEntry[] = [];
  const failures: unknown[] = [];
  const seen = new Set<string>();
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      signal.throwIfAborted();
      failures.push(error);
    }
  };
  const revokeOnce = async (leaf: X509Certificate, start?: AcmeClientSource): Promise<void> => {
    const serialNumber = serialNumberOf(leaf);
    if (seen.has(serialNumber)) return;
    seen.add(serialNumber);
    entries.push(await revoke(context, leaf, input, start));
  };

  // Read before its owner, so that an adoption in between is seen.
  const secret = await readSecret(context, input);
  const owner = await readOwner(context, input);
  const revocation: Revocation = { ...input, issuedTo: bundlesOf(input, owner.request) };
  const installed = await installedCertificate(context, revocation, secret, owner);
  if ('leaf' in installed) {
    await attempt(() => revokeOnce(installed.leaf, installed.source));
  } else {
    entries.push(installed);
    // In use, also when it is listed: a re-created cluster has adopted it.
    if (installed.outcome === 'notOwned') seen.add(installed.serialNumber);
  }
  for (const issued of input.issued) {
    if (seen.has(issued.serialNumber)) continue;
    seen.add(issued.serialNumber);
    await attempt(async () => void entries.push(await revokeIssued(context, issued, revocation)));
  }
  for (const url of input.orders ?? []) {
    await attempt(async () => {
      const source = (await caOfOrder(cas, url, revocation)) ?? cas.first;
      const leaf = await source.withClient((ca) => orderedCertificate(ca, url, revocation), signal);
      if (leaf !== undefined) await revokeOnce(leaf, source);
    });
  }
  if (failures.length > 0) throw failures[0];
  return entries;
}

/** A revocation, and the objects for which the certificates may be sealed. */
interface Revocation extends RevokeCertificatesInput {
  readonly issuedTo: readonly BundleRef[];
}

async function readSecret(
  { kubernetes, signal }: RevocationContext,
  { cluster, secretName }: RevokeCertificatesInput,
): Promise<TlsSecret> {
  if (secretName === '') return { kind: 'missing' };
  return await readTlsSecret(kubernetes.withSignal(signal), { namespace: cluster.namespace, name: secretName });
}

async function readOwner(
  { kubernetes, signal, projection }: RevocationContext,
  input: RevokeCertificatesInput,
): Promise<BundleOwner> {
  const owner = await readBundleOwner(kubernetes.withSignal(signal), projection, input);
  if (owner.view === undefined || !isUsedElsewhere(owner.view)) return owner;
  throw notAskedFor(input.cluster, 'It has moved to another management cluster, where its certificates are in use.');
}

/**
 * Only the bundle's own: in its own Secret, and listed as issued or beside its private key, whose holder may revoke it
 * (RFC 8555 §7.6). A certificate alone proves nothing: servers send theirs to every client, and the account issued those
 * of all clusters.
 */
async function installedCertificate(
  context: RevocationContext,
  input: Revocation,
  secret: TlsSecret,
  { ownsSecret }: BundleOwner,
): Promise<RevocationEntry | { readonly leaf: X509Certificate; readonly source?: AcmeClientSource }> {
  const { secretName, issued, cluster } = input;
  const where = `Secret ${cluster.namespace}/${secretName}`;
  if (secretName === '') return missing('', 'There was no Secret for it.');
  if (secret.kind === 'missing') return missing('', `${where} does not exist: nothing to revoke.`);
  if (secret.chainPem === undefined) return missing('', `${where} contains no certificate that could be revoked.`);
  const leaf = readLeaf(secret.chainPem);
  const serialNumber = serialNumberOf(leaf);
  if (!ownsSecret(secret.metadata)) {
    const message = `${where}, which contains certificate ${serialNumber}, ${describeOwner(secret.metadata)}: the certificate is left valid.`;
    return { serialNumber, outcome: 'notOwned', message };
  }
  if (isExpired(leaf)) return { leaf };
  const listed = issued.filter((one) => one.serialNumber === serialNumber);
  const source = listed.length === 0 ? undefined : await sealingCa(context, listed, input);
  if (source !== undefined) return { leaf, source };
  if (secret.kind === 'valid' && (await isPrivateKeyOf(secret.keyPem, leaf.publicKey))) return { leaf };
  const message = `${where} contains certificate ${serialNumber}, which was not issued for it, without its private key: it is left valid. The holder of the key can revoke it.`;
  return { serialNumber, outcome: 'notIssuedHere', message };
}

function describeOwner(secret: ObjectMeta): string {
  const owner = ownerOf(secret);
  return owner === undefined ? 'does not belong to this CertificateRequest' : `belongs to ${owner}`;
}

/** Revokes one that certman sealed for one of the bundles. @throws CertmanError `acme/…`, `kubernetes/…` */
export async function revokeIssued(
  context: RevocationContext,
  issued: IssuedCertificate,
  input: Pick<Revocation, 'bundleName' | 'issuedTo' | 'reason'>,
): Promise<RevocationEntry> {
  const { serialNumber, certificateUrl, notAfter, leaf } = issued;
  if (Date.parse(notAfter) <= Date.now()) return expired(serialNumber, notAfter);
  if (certificateUrl === undefined && leaf === undefined) {
    return missing(serialNumber, 'Neither its URL nor the certificate itself is known.');
  }
  const source = await sealingCa(context, [issued], input);
  if (source === undefined) {
    const message = `Nothing shows that the account that is configured now issued it for ${input.bundleName}: it is left valid.`;
    return { serialNumber, outcome: 'unknownToAccount', message };
  }
  if (certificateUrl === undefined) {
    return revoke(context, readLeaf(Buffer.from(leaf ?? '', 'base64')), input, source);
  }
  return source.withClient(async (ca): Promise<RevocationEntry> => {
    if (!(await ca.ownsUrl(certificateUrl))) {
      const message = `${certificateUrl} does not belong to the CA ${ca.host}, whose account is configured now.`;
      return { serialNumber, outcome: 'unknownToAccount', message };
    }
    const found = await findCertificate(ca, certificateUrl);
    if (found === undefined) return missing(serialNumber, `The CA ${ca.host} no longer has ${certificateUrl}.`);
    return { ...(await revokeCertificate(ca, found, input.reason)), serialNumber };
  }, context.signal);
}

/** The CA whose account has sealed an entry of the list: it comes from Temporal, and one of another's would have that revoked. */
async function sealingCa(
  { cas }: RevocationContext,
  listed: readonly IssuedCertificate[],
  { issuedTo }: Pick<Revocation, 'issuedTo'>,
): Promise<AcmeClientSource | undefined> {
  const found = await cas.find((seals) =>
    listed.some(({ serialNumber, certificateUrl, leaf = '', seal }) => {
      const certificate = { of: 'certificate', serialNumber, source: certificateUrl ?? leaf } as const;
      return issuedTo.some(({ cluster, bundleName }) => seals.verify(cluster, { ...certificate, bundleName }, seal));
    }),
  );
  // Without the first account, its seals are not known.
  if (found === undefined) await cas.first.seals();
  return found;
}

async function caOfOrder(cas: CaList, sealed: string, { issuedTo }: Revocation): Promise<AcmeClientSource | undefined> {
  for (const bundle of issuedTo) {
    const source = await cas.ofOrder(bundle, sealed);
    if (source !== undefined) return source;
  }
  return undefined;
}

/** At `start` first: a certificate that was in the Secret before can be from any of the CAs. @throws CertmanError `acme/…` */
export async function revoke(
  { cas, signal }: RevocationContext,
  leaf: X509Certificate,
  { reason }: Pick<RevokeCertificatesInput, 'reason'>,
  start = cas.first,
): Promise<RevocationEntry> {
  if (isExpired(leaf)) return expired(serialNumberOf(leaf), leaf.validToDate.toISOString());
  let unknown: RevocationEntry | undefined;
  let failure: unknown;
  for (const source of cas.from(start)) {
    try {
      const entry = await source.withClient((ca) => revokeCertificate(ca, leaf, reason), signal);
      if (entry.outcome !== 'unknownToAccount') return entry;
      unknown ??= entry;
    } catch (error) {
      signal.throwIfAborted();
      // A fallback account that cannot be used blocks no decommission.
      if (source === cas.first || !(error instanceof CertmanError) || error.info.retry === 'transient')
        failure ??= error;
    }
  }
  if (failure !== undefined || unknown === undefined) throw failure;
  return unknown;
}

/** The certificate of an order that was finalized but never installed; undefined when there will be none. */
async function orderedCertificate(
  ca: AcmeClient,
  sealed: string,
  { issuedTo }: Revocation,
): Promise<X509Certificate | undefined> {
  const opened = issuedTo.map(({ cluster, bundleName }) => ca.session.seals.openOrder(cluster, bundleName, sealed));
  const url = opened.find((one) => one !== undefined);
  const order = url === undefined ? undefined : await findOrder(ca, url);
  if (order?.status === 'processing') {
    throw orderPendingError(
      `The CA ${ca.host} still issues the certificate of the order ${url}, which is to be revoked.`,
    );
  }
  return order?.certificate === undefined ? undefined : findCertificate(ca, order.certificate);
}

async function findCertificate(ca: AcmeClient, url: string): Promise<X509Certificate | undefined> {
  try {
    return readLeaf((await downloadChain(ca, url)).chainPem);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

function missing(serialNumber: string, message: string): RevocationEntry {
  return { serialNumber, outcome: 'missing', message };
}

function expired(serialNumber: string, notAfter: string): RevocationEntry {
  return { serialNumber, outcome: 'expired', message: `Expired on ${notAfter}; nothing to revoke.` };
}

function isExpired({ validToDate }: X509Certificate): boolean {
  return validToDate.getTime() <= Date.now();
}
