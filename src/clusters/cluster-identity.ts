/** A namespaced Kubernetes object that is owned or pointed at. */
export interface ObjectRef {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** A ClusterDeployment or standalone CertificateRequest within a given management cluster. */
export interface ClusterRef extends ObjectRef {
  /** Absent for a ClusterDeployment. */
  readonly kind?: 'CertificateRequest';
}

/** Identity of a ClusterDeployment or standalone CertificateRequest across management clusters and re-creation. */
export interface ClusterIdentity extends ClusterRef {
  readonly managementCluster: string;
}

/** The whole identity. */
export function identityOf(managementCluster: string, { kind, namespace, name, uid }: ClusterRef): ClusterIdentity {
  return { managementCluster, namespace, name, uid, kind };
}

/** Whether two identities are of one object. */
export function isSameObject(left: ClusterIdentity, right: ClusterIdentity): boolean {
  return (
    left.managementCluster === right.managementCluster &&
    left.namespace === right.namespace &&
    left.name === right.name &&
    left.uid === right.uid &&
    left.kind === right.kind
  );
}
