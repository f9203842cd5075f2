import { certificateNames } from '../../certificates/bundle-names.ts';
import { normalizeName } from '../../certificates/dns-name.ts';
import { type BundleView, type ClusterView, deletedClusterView, UNGATED } from '../../clusters/cluster-view.ts';
import { requestName } from '../../clusters/request-name.ts';
import { isObjectName } from '../api/resource-path.ts';
import type { ObservedRequest } from './observed-request.ts';

/** What the view of a standalone request needs beside the object. */
export interface StandaloneSettings {
  readonly managementCluster: string;
  /** Whether standalone requests are served; absent: they are. */
  readonly standaloneRequests?: 'on' | 'off';
}

/** A standalone request as a cluster of one bundle. Never fails: its workflow reports what is wrong with it. */
export function standaloneView(
  { managementCluster, standaloneRequests }: StandaloneSettings,
  request: ObservedRequest,
): ClusterView {
  const { namespace, name, uid, resourceVersion, deleting, paused, finalizer, platform } = request;
  const zoneName = normalizeName(request.zoneName);
  const names = certificateNames(request.dnsNames, zoneName, {
    subject: 'spec.dnsNames',
    zone: 'spec.acmeDNSDomain, the zone',
    whenNone: 'spec.dnsNames is empty or cannot be read: list the names that the certificate must carry.',
    whenTooMany: 'Spread them over more CertificateRequests.',
    whenWrong: 'Correct it.',
    whenOutside: 'Remove it, or name the zone that it is in.',
  });
  return {
    identity: { managementCluster, namespace, name, uid, kind: 'CertificateRequest' },
    resourceVersion,
    ...UNGATED,
    deleting,
    paused,
    finalizer,
    standaloneRequestsOff: standaloneRequests === 'off' ? true : undefined,
    zoneName,
    platform,
    bundles: [{ name, requestName: name, secretName: secretNameOf(request), names }],
  };
}

/** A cluster whose ClusterDeployment is gone, from its orphaned requests: enough to revoke and delete. */
export function clusterViewOfOrphans(
  managementCluster: string,
  requests: readonly ObservedRequest[],
): ClusterView | undefined {
  const [first] = requests;
  if (first?.owner === undefined) return undefined;
  const { namespace, zoneName, platform, owner } = first;
  return {
    ...deletedClusterView({ managementCluster, namespace, name: owner.name, uid: owner.uid }),
    zoneName,
    platform,
    bundles: requests.map((request) => orphanedBundleView(owner.name, request)),
  };
}

function orphanedBundleView(clusterDeployment: string, request: ObservedRequest): BundleView {
  const { name, dnsNames } = request;
  const prefix = requestName(clusterDeployment, '');
  // Not named after the cluster, a user created it: these words are the name of no other bundle.
  const naming = name.startsWith(prefix)
    ? { name: name.slice(prefix.length) }
    : { name: `CertificateRequest ${name}`, requestName: name };
  return { ...naming, secretName: secretNameOf(request), names: { kind: 'valid', dnsNames } };
}

function secretNameOf({ secretName }: ObservedRequest): string {
  return isObjectName(secretName) ? secretName : '';
}
