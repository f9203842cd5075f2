/**
 * Who can write to the Temporal namespace can start any workflow and any activity, with any input. Nothing happens that the
 * objects on the management cluster do not ask for: each forged input is refused, and changes nothing.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { IssuedCertificate } from '../../../src/certificates/certificate-facts.ts';
import { ownershipRecords, ownershipValue } from '../../../src/certificates/dns-name.ts';
import type { ObjectRef } from '../../../src/clusters/cluster-identity.ts';
import type { ZoneTarget } from '../../../src/clusters/zone-target.ts';
import type { PlacedOrder } from '../../../src/contract/activities/acme.ts';
import type { BundleRef } from '../../../src/contract/activities/bundle-ref.ts';
import type { CompleteOrderInput, FulfillOrderInput } from '../../../src/contract/activities/order.ts';
import { issuanceWorkflowId, taskQueueOf } from '../../../src/contract/ids.ts';
import type { KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { putForeignTxt } from '../../support/dns/hosted-zones.ts';
import { createCluster, type E2eCluster } from '../../support/e2e/clusters.ts';
import { caLog, collect, getRequest, statusOf, txtRecords, waitUntilCertified } from '../../support/e2e/evidence.ts';
import { type Forger, failureTypeOf, startForger } from '../../support/e2e/forger.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { createRequest } from '../../support/e2e/standalone-requests.ts';
import { eventually } from '../../support/vitest/eventually.ts';

const lab = useE2eHarness({ pebble: { authzReuse: 100 } });

const NOT_ASKED_FOR = 'kubernetes/notAskedFor';
const VALUE = 'v'.repeat(43);

let forger: Forger;
/** A ClusterDeployment with a certificate. */
let victim: E2eCluster;
/** A standalone request with a certificate. */
let web: E2eCluster;
/** The forger's own standalone request, for the victim's names, which the account has authorized already. */
let own: E2eCluster;
/** The victim's. */
let order: PlacedOrder;
let issued: readonly IssuedCertificate[];
let requestOf: (cluster: E2eCluster) => ObjectRef;
let before: unknown;

beforeAll(async () => {
  forger = await startForger(lab());
  victim = await createCluster(lab(), 'victim');
  web = await createRequest(lab(), 'web');
  await Promise.all([victim, web].map((one) => waitUntilCertified(lab(), one)));
  // Its own order ends without credentials.
  const platform = { aws: { credentials: { name: 'none' }, region: 'us-east-1' } };
  own = await createRequest(lab(), 'own', { dnsNames: victim.dnsNames, spec: { platform } });
  await eventually(
    'its own order has failed',
    async () => (await statusOf(lab(), own)).bundles['own']?.state,
    (state) => state === 'Waiting',
  );
  // What the object asks for may be ordered by hand.
  const placed = await forger.run('placeOrder', { ...ref(victim), dnsNames: victim.dnsNames });
  if ('fulfilled' in placed) throw new TypeError('it was to be placed only');
  order = placed;
  issued = (await statusOf(lab(), victim)).bundles['primary']?.issued ?? [];
  const requests = new Map<string, KubernetesObject | undefined>();
  for (const one of [victim, web, own]) requests.set(one.name, await getRequest(lab(), one));
  requestOf = ({ name, namespace, requestName }) => {
    return { namespace, name: requestName, uid: requests.get(name)?.metadata.uid ?? '' };
  };
  await putForeignTxt(lab(), `_acme-challenge.other.${lab().zone.name}`, VALUE);
  before = await snapshot();
});
afterAll(() => forger?.stop());
afterEach(async () => {
  expect(await snapshot()).toEqual(before);
});

const ref = ({ identity: cluster, bundleName }: E2eCluster): BundleRef => ({ cluster, bundleName });
const madeUp = ({ identity }: E2eCluster) => ({ ...identity, kind: undefined, uid: crypto.randomUUID() });

const zoneOf = ({ identity }: E2eCluster, parts: Partial<ZoneTarget> = {}): ZoneTarget => ({
  namespace: identity.namespace,
  clusterName: identity.name,
  zoneName: lab().zone.name,
  platform: { kind: 'aws', region: 'us-east-1', credentialsSecret: 'aws', sts: false },
  kind: identity.kind,
  ...parts,
});
const ownershipOf = ({ dnsNames, identity: { uid } }: E2eCluster) =>
  ownershipRecords(dnsNames, ownershipValue(uid, crypto.randomUUID()));
const foreignRecord = () => ({ name: `_acme-challenge.other.${lab().zone.name}`, value: VALUE });

/** What forged inputs could change. */
async function snapshot(): Promise<unknown> {
  const objects: unknown[] = [];
  for (const { namespace } of [victim, web, own]) {
    const found = await Promise.all(
      [SECRETS, CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS].map((resource) =>
        collect(lab().kubernetes.list(resource, { namespace })),
      ),
    );
    for (const { metadata, spec, data } of found.flat()) {
      const { name, uid, finalizers, ownerReferences, labels, deletionTimestamp } = metadata;
      objects.push({ name, uid, finalizers, ownerReferences, labels, deletionTimestamp, spec, data });
    }
  }
  const log = await caLog(lab());
  const statuses = await Promise.all(log.serials.map((serial) => lab().stack.acme.statusOf(serial)));
  return { objects, txt: [...(await txtRecords(lab()))], log, statuses };
}

const DECOMMISSION = { issued: [], reason: 1 } as const;

const FORGED: readonly (readonly [what: string, forge: () => Promise<unknown>])[] = [
  [
    'an order for names that the object does not have',
    () => forger.run('placeOrder', { ...ref(web), dnsNames: victim.dnsNames }),
  ],
  [
    'an order for an object that does not exist',
    () => forger.run('placeOrder', { cluster: madeUp(victim), bundleName: 'primary', dnsNames: victim.dnsNames }),
  ],
  [
    'an order of a standalone request without proof of its names',
    () => forger.run('placeOrder', { ...ref(own), dnsNames: own.dnsNames }),
  ],
  [
    'an order of a standalone request with a made-up proof',
    () => {
      const ownershipProof = { verifiedAt: new Date().toISOString(), seal: VALUE };
      return forger.run('placeOrder', { ...ref(own), dnsNames: own.dnsNames, ownershipProof });
    },
  ],
  [
    'an answer to a challenge elsewhere',
    () => {
      const url = `${lab().ca.url}/chalZ/1`;
      const challenges = [
        { identifier: 'x', wildcard: false, authorizationUrl: url, challengeUrl: url, record: foreignRecord() },
      ];
      return forger.run('answerChallenges', { ...ref(victim), orderUrl: order.orderUrl, challenges });
    },
  ],
  [
    'the revocation of a certificate in use, as of one that was replaced',
    async () => {
      const [certificate] = issued;
      if (certificate === undefined) throw new Error('nothing is issued');
      const { dnsNames, secretName } = victim;
      return await forger.run('revokeReplaced', { ...ref(victim), secretName, dnsNames, certificate, reason: 1 });
    },
  ],
  [
    'the revocation of a certificate in use, which its CertificateRequest does not allow',
    async () => {
      const [certificate] = issued;
      if (certificate === undefined) throw new Error('nothing is issued');
      const { dnsNames, secretName, requestName } = victim;
      const { serialNumber } = certificate;
      const which = { secretName, dnsNames, requestName, serialNumber, certificate };
      return await forger.run('revokeRequested', { ...ref(victim), ...which, reason: 1 });
    },
  ],
  [
    'TXT records with the credentials of another namespace',
    () => {
      const records = ownershipOf(own);
      return forger.run('publishTxtRecords', { cluster: own.identity, zone: zoneOf(victim), records });
    },
  ],
  [
    'TXT records of no order',
    () => forger.run('publishTxtRecords', { cluster: web.identity, zone: zoneOf(web), records: [foreignRecord()] }),
  ],
  [
    'TXT records of a CA or of others at the names of a standalone request',
    () => {
      const records = ownershipOf(web).map(({ name }) => ({ name, value: VALUE }));
      return forger.run('publishTxtRecords', { cluster: web.identity, zone: zoneOf(web), records });
    },
  ],
  [
    'the ownership records of another standalone request',
    () => {
      const records = ownershipRecords(web.dnsNames, ownershipOf(own)[0]?.value ?? '');
      return forger.run('publishTxtRecords', { cluster: web.identity, zone: zoneOf(web), records });
    },
  ],
  [
    'ownership records at the names of others',
    () => {
      const records = ownershipRecords(victim.dnsNames, ownershipOf(web)[0]?.value ?? '');
      return forger.run('publishTxtRecords', { cluster: web.identity, zone: zoneOf(web), records });
    },
  ],
  [
    'the withdrawal of a TXT record of another',
    () => forger.run('withdrawTxtRecords', { cluster: web.identity, zone: zoneOf(web), records: [foreignRecord()] }),
  ],
  [
    'the withdrawal of a TXT record of another, for a cluster that is gone',
    () => {
      const cluster = madeUp(victim);
      return forger.run('withdrawTxtRecords', { cluster, zone: zoneOf(victim), records: [foreignRecord()] });
    },
  ],
  [
    'the withdrawal of a TXT record of a living cluster under another name',
    () => {
      const cluster = { ...victim.identity, name: 'gone' };
      const records = ownershipRecords(victim.dnsNames, VALUE);
      return forger.run('withdrawTxtRecords', { cluster, zone: zoneOf(victim, { clusterName: 'gone' }), records });
    },
  ],
  [
    'a propagation check by chosen servers',
    () => {
      return forger.run('verifyPropagation', {
        cluster: own.identity,
        zoneName: lab().zone.name,
        nameServers: ['127.0.0.1'],
        records: ownershipOf(own),
        ownershipOf: own.dnsNames,
      });
    },
  ],
  [
    'the end of the order of another object',
    () => {
      const { orderUrl } = order;
      return forger.run('finalizeOrder', { ...ref(own), orderUrl, dnsNames: own.dnsNames, request: requestOf(own) });
    },
  ],
  [
    'the end of an order for another request',
    () => {
      const { orderUrl } = order;
      const request = requestOf(own);
      return forger.run('finalizeOrder', { ...ref(victim), orderUrl, dnsNames: victim.dnsNames, request });
    },
  ],
  [
    'a certificate for the Secret of another',
    () => {
      const certificateUrl = issued[0]?.certificateUrl ?? '';
      const { orderUrl } = order;
      return forger.run('installCertificate', {
        ...ref(victim),
        orderUrl,
        certificateUrl,
        dnsNames: victim.dnsNames,
        request: requestOf(victim),
        secretName: 'another',
      });
    },
  ],
  [
    'TXT records and a propagation check for another, in one step',
    () => {
      const input = { cluster: own.identity, zone: zoneOf(victim), ownershipOf: own.dnsNames };
      return forger.run('publishAndVerify', { ...input, records: ownershipOf(own) });
    },
  ],
  [
    'the completion of the order of another object',
    () => forger.run('completeOrder', { ...completionOf(own), ...ref(own), request: requestOf(own) }),
  ],
  [
    'the completion of an order for another request',
    () => forger.run('completeOrder', { ...completionOf(victim), request: requestOf(own) }),
  ],
  [
    'the completion of an order in the Secret of another',
    () => forger.run('completeOrder', { ...completionOf(victim), secretName: 'another' }),
  ],
  [
    'an order of another object, from its TXT records to its Secret',
    () => forger.run('fulfillOrder', { ...fulfillmentOf(own), ...ref(own), request: requestOf(own) }),
  ],
  [
    'an order in the Secret of another, from its TXT records on',
    () => forger.run('fulfillOrder', { ...fulfillmentOf(victim), secretName: 'another' }),
  ],
  [
    'the revocation of a certificate in use',
    () => forger.run('revokeCertificates', { ...ref(victim), secretName: victim.secretName, ...DECOMMISSION, issued }),
  ],
  [
    'the revocation of the certificate of a standalone request that is not being deleted',
    () => forger.run('revokeCertificates', { ...ref(web), secretName: web.secretName, ...DECOMMISSION }),
  ],
  [
    'the removal of a bundle that is asked for',
    () => forger.run('removeBundle', { ...ref(victim), secretName: victim.secretName }),
  ],
  [
    'the removal of a bundle that is asked for, under another name',
    () => {
      const { secretName, requestName } = victim;
      const { uid: requestUid } = requestOf(victim);
      return forger.run('removeBundle', { ...ref(victim), bundleName: 'x', secretName, requestName, requestUid });
    },
  ],
  [
    'a CertificateRequest for a bundle that the object does not have',
    () => forger.run('applyCertificateRequest', { ...ref(victim), bundleName: 'another' }),
  ],
  [
    'the service of a request of a ClusterDeployment as a standalone one',
    () => {
      const { uid, name } = requestOf(victim);
      const cluster = { ...victim.identity, name, uid, kind: 'CertificateRequest' as const };
      return forger.run('applyCertificateRequest', { cluster, bundleName: name });
    },
  ],
];

/** Of the order that was placed for the victim. */
function completionOf(cluster: E2eCluster): CompleteOrderInput {
  return {
    ...ref(victim),
    orderUrl: order.orderUrl,
    challenges: [],
    otherRecords: [],
    zone: zoneOf(cluster),
    dnsNames: cluster.dnsNames,
    request: requestOf(cluster),
    secretName: cluster.secretName,
  };
}

function fulfillmentOf(cluster: E2eCluster): FulfillOrderInput {
  return { ...completionOf(cluster), caHost: order.caHost, reportTerms: { isRenewal: false } };
}

test.each(FORGED)('%s is refused', async (_what, forge) => {
  await expect(forge()).rejects.toThrow(NOT_ASKED_FOR);
});

test('an order that is resumed is not fulfilled for another request, nor in another Secret', async () => {
  const { zone, otherRecords, request, secretName } = completionOf(victim);
  for (const forged of [{ request: requestOf(own) }, { secretName: 'another' }]) {
    const fulfill = { zone, otherRecords, request, secretName, ...forged };
    const input = { ...ref(victim), dnsNames: victim.dnsNames, resume: order.orderUrl, fulfill };
    const placed = await forger.run('placeOrder', input);
    expect(placed).toMatchObject({ orderUrl: order.orderUrl, begun: { failure: { code: 'kubernetes/notAskedFor' } } });
  }
});

test('the finalizer of an object that is not being deleted stays', async () => {
  expect(await forger.run('removeFinalizer', victim.identity)).toBe('kept');
  expect(await forger.run('removeFinalizer', web.identity)).toBe('kept');
});

test('of a cluster that is gone, nothing of others is revoked or removed', async () => {
  const [entry] = issued;
  if (entry === undefined) throw new Error('it has no certificate');
  const gone = [
    // A bundle of the victim's name, of a cluster that never was.
    { cluster: madeUp(victim), bundleName: 'primary', secretName: victim.secretName, ...uidOf(victim) },
    // The standalone request as that of a cluster.
    {
      cluster: { ...madeUp(web), name: 'w' },
      bundleName: 'eb',
      secretName: web.secretName,
      requestName: web.name,
      ...uidOf(web),
    },
    // The living objects under other names, by which they are not found.
    {
      cluster: { ...victim.identity, name: 'gone' },
      bundleName: 'x',
      secretName: victim.secretName,
      requestName: victim.requestName,
      ...uidOf(victim),
    },
    {
      cluster: { ...web.identity, name: 'gone' },
      bundleName: web.name,
      secretName: web.secretName,
      requestName: web.name,
      ...uidOf(web),
    },
    // The victim's Secret by the uid of the request that owns it.
    { cluster: madeUp(web), bundleName: 'x', secretName: victim.secretName, ...uidOf(victim) },
  ];
  for (const bundle of gone) {
    const cluster = { ...bundle.cluster, namespace: bundle.secretName === web.secretName ? 'web' : 'victim' };
    const revocations = await forger.run('revokeCertificates', { ...bundle, cluster, ...DECOMMISSION, issued });
    expect(revocations.map(({ outcome }) => outcome)).not.toContain('revoked');
    expect(await forger.run('removeBundle', { ...bundle, cluster })).toEqual({ removed: [] });
  }
});

const uidOf = (cluster: E2eCluster) => ({ requestUid: requestOf(cluster).uid });

test('an issuance that is started by hand for names of another orders nothing', async () => {
  const issuance = lab().client.workflow.execute('certificateIssuance', {
    taskQueue: taskQueueOf('hive'),
    workflowId: issuanceWorkflowId(web.identity, 'web', 99),
    args: [
      {
        ...ref(web),
        request: requestOf(web),
        secretName: web.secretName,
        dnsNames: victim.dnsNames,
        zone: zoneOf(victim),
        caHost: new URL(lab().ca.url).host,
        reason: 'forged',
      },
    ],
  });
  expect(await issuance.then(() => 'issued', failureTypeOf)).toBe(NOT_ASKED_FOR);
});
