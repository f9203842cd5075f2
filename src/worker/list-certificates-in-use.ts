import { nameSetDigest } from '../certificates/digest.ts';
import { normalizeName } from '../certificates/dns-name.ts';
import type { CountedIssuance } from '../issuance/used-before.ts';
import type { KubernetesApi } from '../kubernetes/api/kubernetes-api.ts';
import { observeRequest } from '../kubernetes/objects/observed-request.ts';
import { CERTIFICATE_REQUESTS } from '../kubernetes/objects/resources.ts';

/** A certificate in use, as an issuance that a limit of its CA counted. */
export interface CertificateInUse extends CountedIssuance {
  readonly nameSet: string;
  /** Host of its CA; undefined: another program ordered it, and certman has not written its status yet. */
  readonly caHost: string | undefined;
}

/** How certificates in use are listed: those issued since (epoch milliseconds). @throws CertmanError `kubernetes/…`. */
export type ListCertificatesInUse = (since: number, signal: AbortSignal) => AsyncIterable<CertificateInUse>;

/** Lists those of the management cluster by the status of its CertificateRequests, which outlives a lost Temporal. */
export function listCertificatesInUse(kubernetes: Pick<KubernetesApi, 'list'>): ListCertificatesInUse {
  return async function* list(since, signal) {
    for await (const object of kubernetes.list(CERTIFICATE_REQUESTS)) {
      signal.throwIfAborted();
      const { dnsNames, notBefore, installedAt, acmeServer, replacedSerialNumber } = observeRequest(object);
      const issuedAt = installedAt ?? notBefore;
      if (issuedAt === undefined || issuedAt < since || dnsNames.length === 0) continue;
      // What replaces a certificate is for its names, unless these were changed.
      const isFirst =
        replacedSerialNumber === undefined && Date.parse(object.metadata.creationTimestamp ?? '') >= since;
      yield {
        closeTime: issuedAt,
        dnsNames,
        nameSet: nameSetDigest(dnsNames.map(normalizeName)),
        caHost: acmeServer,
        ...(isFirst ? {} : { reason: 'RenewalDue' }),
      };
    }
  };
}
