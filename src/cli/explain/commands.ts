/** Which commands help with what holds up a certificate. Pure. */
import { conditionReason } from '../../certificates/status-messages.ts';
import type { GateReason } from '../../clusters/gate.ts';
import { FAILURE_CODES, type FailureCode } from '../../failures/failure.ts';
import { commandLine } from '../program-name.ts';
import type { ClusterReport } from '../status/status-view.ts';

/** What a person can do. */
export interface Action {
  readonly text: string;
  /** To type. */
  readonly command?: string;
}

/** What commands are about. */
export interface Subject {
  readonly report: ClusterReport;
  readonly secretName?: string;
  readonly requestName?: string;
  readonly dnsNames: readonly string[];
}

const CODES_BY_REASON: ReadonlyMap<string, FailureCode> = new Map(
  FAILURE_CODES.map((code) => [conditionReason(code), code]),
);

/** The failure code of a condition's reason. @returns undefined for the reasons that are no failure. */
export function failureCodeOf(reason: string | undefined): FailureCode | undefined {
  return reason === undefined ? undefined : CODES_BY_REASON.get(reason);
}

/** Names of objects and in DNS. Others come from resources as well, and a shell would obey them once they are pasted. */
const PLAIN_WORD = /^[\w][\w.-]*$/;

/** A name from a resource as a word of a command line; undefined for one that no object or domain can have. */
const word = (name: string | undefined): string | undefined =>
  name !== undefined && PLAIN_WORD.test(name) ? name : undefined;
const see = (text: string, command: string | undefined): readonly Action[] =>
  command === undefined ? [] : [{ text, command }];
const showAccount = () => see('See the account', commandLine('account show'));
const showHistory = ({ report }: Subject) =>
  see('See what was ordered, and why', commandLine(`history ${report.cluster}`));
const showCredentials = ({ report: { cluster, credentialsSecret } }: Subject) =>
  describeSecret(cluster, credentialsSecret);
const showZone = ({ report: { cluster, zoneName } }: Subject) => [
  ...see("See the zone's servers in public DNS", digOf('NS', zoneName)),
  ...see('See the zone that Hive manages', `kubectl get dnszones -n ${namespaceOf(cluster)} -o yaml`),
];
const showObject = ({ report }: Subject) => see('See the object', readObject(report));
const showSecret = ({ report: { cluster }, secretName }: Subject) => describeSecret(cluster, secretName);
const dig = (type: string, prefix: string) => (subject: Subject) => {
  const [name] = subject.dnsNames;
  return see('See it in public DNS', digOf(type, name?.replace(/^\*\./, ''), prefix));
};
const showChallenge = dig('CNAME', '_acme-challenge.');
const showTxt = dig('TXT', '_acme-challenge.');
const showIssuers = () => see('See the new issuers, and which clusters have one', commandLine('canary'));
const showWorkers = () => [
  { text: 'See the worker pods', command: 'kubectl get pods -n certman-operator' },
  { text: 'See their logs', command: 'kubectl logs -n certman-operator deploy/certman --tail=100' },
];

const BY_CODE: Readonly<Partial<Record<FailureCode, (subject: Subject) => readonly Action[]>>> = {
  'acme/accountMissing': () => see('Create an account', commandLine('account create --help')),
  'acme/accountInvalid': showAccount,
  'acme/accountUnknown': showAccount,
  'acme/unauthorized': showAccount,
  'acme/caChanged': showAccount,
  'acme/challengeFailed': showTxt,
  'acme/rejectedIdentifier': showObject,
  'rateLimit/exactSet': showHistory,
  'rateLimit/runaway': (subject) => [
    ...showHistory(subject),
    ...see('Order all the same', commandLine(`renew ${subject.report.cluster} --exceed-limit`)),
  ],
  'acme/rateLimited': showHistory,
  'dns/credentialsMissing': showCredentials,
  'dns/credentialsMalformed': showCredentials,
  'dns/accessDenied': showCredentials,
  'dns/zoneNotFound': showZone,
  'dns/zoneAmbiguous': showZone,
  'dns/notDelegated': showZone,
  'dns/dnssecBroken': ({ report: { zoneName } }) => see('See it in public DNS', digOf('SOA', zoneName)),
  'dns/caaForbids': dig('CAA', ''),
  'dns/delegationMissing': showChallenge,
  'dns/delegationElsewhere': showChallenge,
  'dns/delegationBroken': showChallenge,
  'dns/notVisible': showTxt,
  'dns/nameOutsideZone': showObject,
  'names/none': showObject,
  'names/invalid': showObject,
  'names/tooMany': showObject,
  'kubernetes/notAskedFor': showObject,
  'kubernetes/secretBroken': showSecret,
  'kubernetes/ownedByOther': showSecret,
  'kubernetes/forbidden': ({ report }) =>
    see(
      'See the rights of certman',
      `kubectl auth can-i --list -n ${namespaceOf(report.cluster)} --as=system:serviceaccount:certman-operator:certman`,
    ),
  'certificate/waitsForCanary': () => showIssuers(),
  'certificate/issuerRefused': () => showIssuers(),
  'worker/lost': showWorkers,
};

/** Commands that show what a failure is about. */
export function actionsForFailure(code: FailureCode | undefined, subject: Subject): readonly Action[] {
  return (code && BY_CODE[code]?.(subject)) ?? [];
}

/** What shows why a cluster does not serve its certificate. @param reason of the condition `Served`. */
export function actionsForServed(reason: string | undefined, { cluster }: ClusterReport): readonly Action[] {
  if (reason !== 'NotServed') return [];
  return [
    {
      text: 'See what Hive has applied to the cluster',
      command: `kubectl get clustersync ${inNamespace(cluster)} -o yaml`,
    },
  ];
}

/** What opens a closed gate; nothing where a person need not act. */
export function actionsForGate(reason: GateReason, { cluster, kind }: ClusterReport): readonly Action[] {
  const object = kind === 'CertificateRequest' ? 'certificaterequest' : 'clusterdeployment';
  switch (reason) {
    case 'ReconcilePaused':
      return [{ text: 'Resume it', command: commandLine(`resume ${cluster}`) }];
    case 'NotManaged':
      return [
        {
          text: 'Have it served',
          command: `kubectl label ${object} ${inNamespace(cluster)} api.openshift.com/managed=true --overwrite`,
        },
      ];
    case 'FakeCluster':
      return [
        {
          text: 'Have it served',
          command: `kubectl annotate ${object} ${inNamespace(cluster)} managed.openshift.com/fake-`,
        },
      ];
    case 'NotInstalled':
      return [{ text: 'See the installation', command: `kubectl get clusterdeployment ${inNamespace(cluster)}` }];
    case 'RelocatingOut':
    case 'Relocated':
    case 'RelocatingIn':
    case 'StandaloneRequestsOff':
      return [];
  }
}

/** Where a workflow should be, but none answers. */
export const WORKER_ACTIONS: readonly Action[] = showWorkers();

function readObject({ cluster, kind }: ClusterReport): string {
  return `kubectl get ${kind === 'CertificateRequest' ? 'certificaterequest' : 'clusterdeployment'} ${inNamespace(cluster)} -o yaml`;
}

function describeSecret(cluster: string, name: string | undefined): readonly Action[] {
  const secret = word(name);
  return see('See the Secret', secret && `kubectl describe secret ${inNamespace(cluster, secret)}`);
}

function digOf(type: string, name: string | undefined, prefix = ''): string | undefined {
  const domain = word(name);
  return domain && `dig ${type} ${prefix}${domain}`;
}

function namespaceOf(cluster: string): string {
  return cluster.split('/')[0] ?? '';
}

/** `<name> -n <namespace>`. @param name default: the cluster's. */
function inNamespace(cluster: string, name = cluster.slice(cluster.indexOf('/') + 1)): string {
  return `${name} -n ${namespaceOf(cluster)}`;
}
