/** The certificates in use that a campaign or a drill is about, from the CertificateRequests of a management cluster. */
import { canonicalSerial } from '../../campaigns/serial-number.ts';
import { isInZone } from '../../certificates/dns-name.ts';
import type { ClusterRef } from '../../clusters/cluster-identity.ts';
import { clusterWorkflowId } from '../../contract/ids.ts';
import type { CampaignItem } from '../../contract/renewal-campaign.ts';
import type { KubernetesApi } from '../../kubernetes/api/kubernetes-api.ts';
import { listCertificateRequests, type ObservedRequest } from '../../kubernetes/objects/observed-request.ts';
import { selectObjects } from '../select-objects.ts';
import type { Selection } from '../selection.ts';

/** Which certificates. Each condition that is there has to hold. Instants are epoch milliseconds. */
export interface CertificateSelection extends Selection {
  /** One of the names in the certificate is this one or below it. */
  readonly domain?: string | undefined;
  /** Part of the issuer's name, in any case. */
  readonly issuer?: string | undefined;
  readonly issuedBefore?: number | undefined;
  readonly expiresBefore?: number | undefined;
  /** As {@link canonicalSerial} writes them. */
  readonly serialNumbers?: ReadonlySet<string> | undefined;
  /** `<namespace>/<name>` */
  readonly clusters?: ReadonlySet<string> | undefined;
}

/** A certificate in use, with what a selection knows of it. Instants are epoch milliseconds. */
export interface SelectedCertificate extends CampaignItem {
  readonly dnsNames: readonly string[];
  readonly issuerName: string;
  readonly acmeServer?: string | undefined;
  readonly notBefore?: number | undefined;
  readonly notAfter?: number | undefined;
}

/** What was found. */
export interface SelectedCertificates {
  /** Those that expire first come first. */
  readonly certificates: readonly SelectedCertificate[];
  /** Serial numbers that were asked for, and that no certificate in use has. */
  readonly unknownSerials: readonly string[];
  /** Clusters that were named, and that have no certificate of the selection. */
  readonly unknownClusters: readonly string[];
}

/** @throws CertmanError `kubernetes/…` */
export async function selectCertificates(
  kubernetes: KubernetesApi,
  managementCluster: string,
  selection: CertificateSelection,
): Promise<SelectedCertificates> {
  const labelled = selection.selector === undefined ? undefined : await labelledClusters(kubernetes, selection);
  const requests = await listCertificateRequests(kubernetes, { namespace: selection.namespace });
  const certificates = requests
    .flatMap((request) => certificateOf(managementCluster, request) ?? [])
    .filter((one) => (labelled === undefined || labelled.has(one.cluster)) && matches(one, selection))
    .sort((one, other) => (one.notAfter ?? 0) - (other.notAfter ?? 0) || (one.cluster < other.cluster ? -1 : 1));
  const serials = new Set(certificates.map(({ serialNumber }) => serialNumber));
  const clusters = new Set(certificates.map(({ cluster }) => cluster));
  return {
    certificates,
    unknownSerials: [...(selection.serialNumbers ?? [])].filter((serial) => !serials.has(serial)),
    unknownClusters: [...(selection.clusters ?? [])].filter((cluster) => !clusters.has(cluster)),
  };
}

/** Labels are those of the ClusterDeployment or standalone request. */
async function labelledClusters(kubernetes: KubernetesApi, selection: Selection): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for await (const { namespace, name } of selectObjects(kubernetes, selection)) found.add(`${namespace}/${name}`);
  return found;
}

/** @returns undefined where there is no certificate, or the object is being deleted. */
function certificateOf(managementCluster: string, request: ObservedRequest): SelectedCertificate | undefined {
  const { namespace, name, uid, owner, deleting, serialNumber, issuerName = '', dnsNames } = request;
  if (deleting || serialNumber === undefined) return undefined;
  const ref: ClusterRef =
    owner === undefined ? { namespace, name, uid, kind: 'CertificateRequest' } : { namespace, ...owner };
  const prefix = `${ref.name}-`;
  return {
    workflowId: clusterWorkflowId({ managementCluster, ...ref }),
    cluster: `${namespace}/${ref.name}`,
    bundleName: owner !== undefined && name.startsWith(prefix) ? name.slice(prefix.length) : name,
    serialNumber: canonicalSerial(serialNumber) ?? serialNumber,
    dnsNames,
    issuerName,
    acmeServer: request.acmeServer,
    notBefore: request.notBefore,
    notAfter: request.notAfter,
  };
}

function matches(certificate: SelectedCertificate, selection: CertificateSelection): boolean {
  const { domain, issuer, issuedBefore, expiresBefore, serialNumbers, clusters } = selection;
  const { dnsNames, issuerName, notBefore, notAfter, serialNumber, cluster } = certificate;
  return (
    (domain === undefined || dnsNames.some((name) => isInZone(name, domain))) &&
    (issuer === undefined || issuerName.toLowerCase().includes(issuer.toLowerCase())) &&
    (issuedBefore === undefined || (notBefore !== undefined && notBefore < issuedBefore)) &&
    (expiresBefore === undefined || (notAfter !== undefined && notAfter < expiresBefore)) &&
    (serialNumbers === undefined || serialNumbers.has(serialNumber)) &&
    (clusters === undefined || clusters.has(cluster))
  );
}
