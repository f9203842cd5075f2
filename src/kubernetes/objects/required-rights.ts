/**
 * The rights that certman needs, as data for `certman doctor`; those of deploy/base/rbac.yaml, and of the component
 * watch-namespaces. test/unit/deploy/required-rights.test.ts compares the two.
 */

/** A rule of a role. */
export interface RequiredRight {
  /** `''` for core. */
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly verbs: readonly string[];
  /** Only objects of these names. */
  readonly names?: readonly string[];
}

const HIVE = 'hive.openshift.io';
const CERTMAN = 'certman.managed.openshift.io';

/** In every namespace that certman serves: ClusterRole certman. */
export const RIGHTS_WHERE_SERVED: readonly RequiredRight[] = [
  { group: HIVE, resource: 'clusterdeployments', verbs: ['get', 'list', 'watch', 'patch'] },
  { group: HIVE, resource: 'clusterdeployments', subresource: 'status', verbs: ['patch'] },
  { group: HIVE, resource: 'dnszones', verbs: ['list', 'watch'] },
  { group: 'hiveinternal.openshift.io', resource: 'clustersyncs', verbs: ['get'] },
  {
    group: CERTMAN,
    resource: 'certificaterequests',
    verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
  },
  { group: CERTMAN, resource: 'certificaterequests', subresource: 'status', verbs: ['patch'] },
  { group: '', resource: 'secrets', verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'] },
  { group: '', resource: 'events', verbs: ['get', 'create', 'patch'] },
  { group: '', resource: 'namespaces', verbs: ['get'] },
];

/** In certman's own namespace: Role certman. */
export const RIGHTS_AT_HOME: readonly RequiredRight[] = [
  { group: '', resource: 'configmaps', names: ['certman-operator'], verbs: ['get', 'list', 'watch'] },
  { group: '', resource: 'configmaps', names: ['certman-issuers', 'certman-restarts'], verbs: ['get', 'patch'] },
  { group: '', resource: 'events', verbs: ['get', 'create', 'patch'] },
];

/** Of the component watch-namespaces, which has {@link RIGHTS_WHERE_SERVED} in some namespaces only: ClusterRole certman-identity. */
export const RIGHTS_OF_IDENTITY: readonly RequiredRight[] = [
  { group: '', resource: 'namespaces', names: ['kube-system'], verbs: ['get'] },
];

/** Of the component watch-namespaces, in certman's own namespace: Role certman-own-secrets. */
export const RIGHTS_TO_OWN_SECRETS: readonly RequiredRight[] = [
  {
    group: '',
    resource: 'secrets',
    names: ['lets-encrypt-account', 'certman-operator-aws-credentials', 'certman-challenge-zone-credentials'],
    verbs: ['get'],
  },
];

/** The kinds of deploy/base, which an installation creates. */
export const INSTALLED_KINDS: readonly Pick<RequiredRight, 'group' | 'resource'>[] = [
  { group: '', resource: 'namespaces' },
  { group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' },
  { group: 'rbac.authorization.k8s.io', resource: 'clusterroles' },
  { group: 'rbac.authorization.k8s.io', resource: 'clusterrolebindings' },
  { group: 'rbac.authorization.k8s.io', resource: 'roles' },
  { group: 'rbac.authorization.k8s.io', resource: 'rolebindings' },
  { group: '', resource: 'serviceaccounts' },
  { group: '', resource: 'configmaps' },
  { group: '', resource: 'services' },
  { group: 'apps', resource: 'deployments' },
  { group: 'policy', resource: 'poddisruptionbudgets' },
];
