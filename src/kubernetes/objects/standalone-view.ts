/**
 * A CertificateRequest that stands alone, seen as what the workflow serves: itself in the place of a cluster, with one
 * certificate to make. Made from what the watch has read of it, checked and limited there.
 */
import { certificateNames } from '../../certificates/bundle-names.ts';
import type { ClusterView } from '../../clusters/cluster-view.ts';
import { isObjectName } from '../api/object-name.ts';
import type { ObservedRequest } from './observed-request.ts';

/**
 * Never refused: whatever is wrong with the request is for its workflow to say, on its status.
 * @param hive name of the hub.
 */
export function standaloneView(managementCluster: string, request: ObservedRequest): ClusterView {
  const { namespace, name, uid } = request;
  const zoneName = request.zoneName.toLowerCase().replace(/\.$/, '');
  return {
    identity: { managementCluster, namespace, name, uid, kind: 'CertificateRequest' },
    deleting: request.deleting,
    installed: true,
    managed: true,
    fake: false,
    paused: request.paused,
    limitedSupport: false,
    relocation: 'none',
    finalizer: request.finalizer,
    zoneName,
    platform: request.platform,
    bundles: [
      {
        name,
        requestName: name,
        // Of any other name there can be no Secret: as part of a path it could lead to something else.
        secretName: isObjectName(request.secretName) ? request.secretName : '',
        names: certificateNames(request.dnsNames, zoneName, {
          subject: 'spec.dnsNames',
          zone: 'spec.acmeDNSDomain, the zone',
          whenNone: 'spec.dnsNames is empty or cannot be read: list the names that the certificate must carry.',
          whenTooMany: 'Spread them over more CertificateRequests.',
          whenWrong: 'Correct it.',
          whenOutside: 'Take it out, or name the zone that it is in.',
        }),
      },
    ],
  };
}
