import type { PlatformView } from './cluster-view.ts';

/** Which hosted zone: the cluster it is for, its name, and whose credentials reach it. */
export interface ZoneTarget {
  /** Of the ClusterDeployment, or of the CertificateRequest that stands alone: its DNSZone, its credentials. */
  readonly namespace: string;
  readonly clusterName: string;
  readonly zoneName: string;
  readonly platform: PlatformView;
  /** As in `ClusterIdentity`: for a CertificateRequest that stands alone, to which certman's own credentials are not lent. */
  readonly kind?: 'CertificateRequest';
}
