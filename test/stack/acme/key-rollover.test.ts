/** The rollover of the account key: interrupted anywhere, no key that the CA knows is lost, and orders go on. */
import { beforeEach, describe, expect, it } from 'vitest';
import { parseAccountKey } from '../../../src/acme/account.ts';
import { fetchAccount } from '../../../src/acme/account-object.ts';
import { CaList } from '../../../src/acme/ca-list.ts';
import { type AccountStore, AcmeClientSource } from '../../../src/acme/client-source.ts';
import { placeNewOrder } from '../../../src/acme/order.ts';
import { Signer } from '../../../src/acme/signer.ts';
import { rollOver, rolloverProgress } from '../../../src/cli/account/roll-over.ts';
import type { KubernetesApi } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { readAccountSecret } from '../../../src/kubernetes/objects/account-secret.ts';
import { ACCOUNT_SECRET, createOperatorSettings } from '../../../src/kubernetes/objects/operator-settings.ts';
import { SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { newAccount, newAccountKey } from '../../support/acme/account.ts';
import { uniqueDnsNames } from '../../support/acme/harness.ts';
import { type AcmeSteps, createAcmeSteps, runAcmeActivity } from '../../support/acme/run-activity.ts';
import { useIssuance } from '../../support/acme/use-issuance.ts';
import { failureOf } from '../../support/temporal/run-activity.ts';

const issuance = useIssuance();

let namespace: string;
let accountUrl: string;
let madeKeys: number;
let warnings: string[];
/** A worker that has used the account before. */
let worker: { readonly source: AcmeClientSource; readonly activities: AcmeSteps };
beforeEach(async () => {
  const { managementCluster, lab } = issuance();
  namespace = await managementCluster.namespace();
  const { privateKeyPem, accountUrl: url } = await newAccount(lab.server);
  accountUrl = url;
  await managementCluster.admin.create(SECRETS, {
    metadata: { namespace, name: ACCOUNT_SECRET },
    stringData: { 'private-key': privateKeyPem, 'account-url': url },
  });
  madeKeys = 0;
  warnings = [];
  const sources: AcmeClientSource[] = [];
  worker = startWorker(sources);
  await order(worker.source);
  return () => Promise.all(sources.map((source) => source.close()));
});

function sourceOf(accounts: AccountStore, onWarning?: (message: string) => void): AcmeClientSource {
  const { directoryUrl, caPem: caBundlePem } = issuance().lab.server;
  return new AcmeClientSource({ accounts, directoryUrl, caBundlePem, userAgent: 'certman/test', onWarning });
}

/** With the rights of certman's ServiceAccount. */
function startWorker(sources: AcmeClientSource[] = []): typeof worker {
  const { lab, managementCluster } = issuance();
  const { certman: kubernetes } = managementCluster;
  const source = sourceOf(createOperatorSettings({ kubernetes, operatorNamespace: namespace }), (message) => {
    warnings.push(message);
  });
  sources.push(source);
  return { source, activities: createAcmeSteps({ ...lab.deps(kubernetes), ca: new CaList(source) }) };
}

const order = (source: AcmeClientSource) =>
  source.withClient((ca) => placeNewOrder(ca, { dnsNames: uniqueDnsNames() }));

/** An operator's command, as a new process each time. */
async function command<T>(
  work: (deps: Parameters<typeof rollOver>[0]) => Promise<T>,
  kubernetes: KubernetesApi = issuance().managementCluster.admin,
): Promise<T> {
  const source = sourceOf(createOperatorSettings({ kubernetes, operatorNamespace: namespace }));
  const makeKey = () => {
    madeKeys += 1;
    return Promise.resolve(newAccountKey());
  };
  try {
    return await source.withClient((ca) => work({ kubernetes, namespace, secretName: ACCOUNT_SECRET, ca, makeKey }));
  } finally {
    await source.close();
  }
}

const secretData = async (): Promise<Readonly<Record<string, string>>> => {
  const key = { namespace, name: ACCOUNT_SECRET };
  return (await issuance().managementCluster.admin.get(SECRETS, key))?.['data'] as Record<string, string>;
};

/** The CA accepts the key in the Secret, and no other is left there. */
async function expectRolledOver(): Promise<void> {
  expect(Object.keys(await secretData()).sort()).toEqual(['account-url', 'private-key', 'seal-key']);
  const { account } = await readAccountSecret(issuance().managementCluster.admin, namespace);
  const only = sourceOf({ account: () => Promise.resolve(account), invalidate: () => undefined });
  expect((await only.withClient(fetchAccount)).status).toBe('valid');
  await only.close();
}

/** Dies at the n-th write: before it, or after it and before anything follows. */
function dying(kubernetes: KubernetesApi, write: number, when: 'before' | 'after'): KubernetesApi {
  let writes = 0;
  return {
    get: (...args) => kubernetes.get(...args),
    list: (...args) => kubernetes.list(...args),
    apply: (...args) => kubernetes.apply(...args),
    create: (...args) => kubernetes.create(...args),
    delete: (...args) => kubernetes.delete(...args),
    withSignal: (signal) => kubernetes.withSignal(signal),
    patch: async (...args) => {
      writes += 1;
      if (writes === write && when === 'before') throw new Error('killed here');
      const patched = await kubernetes.patch(...args);
      if (writes === write) throw new Error('killed here');
      return patched;
    },
  };
}

const interrupted = async (at: string): Promise<void> => {
  const { managementCluster, lab } = issuance();
  const [what, when = ''] = at.split(', ');
  if (what === 'the CA is asked') {
    const fault = { kind: when === 'before' ? 'cutBefore' : 'cutAfter' } as const;
    const cut = lab.proxy.inject({ when: ({ path }) => path === '/rollover-account-key', fault, times: 1 });
    await expect(command(rollOver)).rejects.toMatchObject({ code: 'acme/unreachable' });
    expect(cut.hits()).toBe(1);
    return;
  }
  const write = what === 'the next key is stored' ? 1 : 2;
  const kubernetes = dying(managementCluster.admin, write, when === 'before' ? 'before' : 'after');
  await expect(command(rollOver, kubernetes)).rejects.toThrow('killed here');
};

describe('a rollover', () => {
  it('replaces the key at the CA and in the Secret; the workers go on with the new one', async () => {
    const before = await secretData();
    const thumbprint = await command(rollOver);
    await expectRolledOver();
    const { account } = await readAccountSecret(issuance().managementCluster.admin, namespace);
    expect(new Signer(parseAccountKey(account.privateKeyPem)).thumbprint).toBe(thumbprint);
    expect((await secretData())['private-key']).not.toBe(before['private-key']);
    // This one has the old key in its cache, the other has never seen it.
    for (const source of [worker.source, startWorker().source]) expect((await order(source)).status).toBe('pending');
    expect(madeKeys).toBe(1);
  });

  it('twice keeps what was sealed before both', async () => {
    const seals = await worker.source.seals();
    await command(rollOver);
    const { 'seal-key': first } = await secretData();
    await command(rollOver);
    expect((await secretData())['seal-key']).toBe(first);
    const { source } = startWorker();
    expect((await source.seals()).equals(seals)).toBe(true);
    await source.close();
  });

  it.each([
    ['the next key is stored, before', 'none', 2],
    ['the next key is stored, after', 'staged', 1],
    ['the CA is asked, before', 'staged', 1],
    ['the CA is asked, after', 'changed', 1],
    ['the new key takes its place, before', 'changed', 1],
    ['the new key takes its place, after', 'none', 2],
  ])('that ends when %s goes on at the next run, and holds up no order', async (at, progress, keys) => {
    await interrupted(at);
    const started = startWorker().source;
    for (const source of [worker.source, started]) expect((await order(source)).status).toBe('pending');
    expect(await command(rolloverProgress)).toBe(progress);
    // Of both.
    const warning = expect.stringContaining('a rollover of it is unfinished') as string;
    expect(warnings).toEqual(progress === 'changed' ? [warning, warning] : []);
    await command(rollOver);
    await expectRolledOver();
    expect(madeKeys).toBe(keys);
    for (const source of [worker.source, started]) expect((await order(source)).status).toBe('pending');
    await started.close();
  });

  it('of which another is under way changes nothing that it has not seen', async () => {
    const { admin } = issuance().managementCluster;
    const { change } = await readAccountSecret(admin, namespace);
    await command(rollOver);
    const after = await secretData();
    await expect(change({ 'next-private-key': newAccountKey() })).rejects.toMatchObject({
      code: 'kubernetes/conflict',
    });
    expect(await secretData()).toEqual(after);
  });
});

describe('an order in progress', () => {
  const place = (activities: AcmeSteps, resume?: string) =>
    runAcmeActivity(activities, 'placeOrder', {
      dnsNames: issuance().dnsNames,
      ...(resume === undefined ? {} : { resume }),
    });

  it('whose TXT records the new key does not prove is resumed with new ones, and nothing is answered before', async () => {
    const placed = await place(worker.activities);
    await command(rollOver);
    issuance().lab.proxy.clearSeen();
    const failure = await failureOf(runAcmeActivity(worker.activities, 'answerChallenges', placed));
    expect(failure).toMatchObject({ code: 'acme/accountKeyChanged', retry: 'backoff' });
    // Those that were signed with the old key, and were refused.
    expect(issuance().requestCounts()['challenge']).toBeLessThanOrEqual(placed.challenges.length);

    const resumed = await place(worker.activities, placed.orderUrl);
    expect(resumed.orderUrl).toBe(placed.orderUrl);
    const values = ({ challenges }: typeof placed) => challenges.map(({ record }) => record.value);
    for (const value of values(resumed)) expect(values(placed)).not.toContain(value);
    await complete(worker.activities, resumed);
    expect(issuance().requestCounts()).toMatchObject({ newOrder: 0, finalize: 1 });
  });

  it('whose challenges are answered is issued', async () => {
    const placed = await place(worker.activities);
    await runAcmeActivity(worker.activities, 'answerChallenges', placed);
    await command(rollOver);
    await complete(worker.activities, { ...placed, challenges: [] });
  });

  it('is issued between the instants at which the CA and the Secret have the new key', async () => {
    await interrupted('the CA is asked, after');
    const { activities, source } = startWorker();
    await complete(activities, await place(activities));
    await source.close();
  });

  async function complete(activities: AcmeSteps, placed: Awaited<ReturnType<typeof place>>): Promise<void> {
    if (placed.challenges.length > 0) await runAcmeActivity(activities, 'answerChallenges', placed);
    const input = issuance().finalizeInput(placed);
    const { certificateUrl } = await runAcmeActivity(activities, 'finalizeOrder', input);
    const install = issuance().installInput(placed, certificateUrl);
    const { fingerprint } = await runAcmeActivity(activities, 'installCertificate', install);
    expect(await issuance().tlsSecret()).toMatchObject({ kind: 'valid', certificate: { fingerprint } });
  }
});

it('an account whose URL was changed is not used with the key of another', async () => {
  const { lab, managementCluster } = issuance();
  const other = await newAccount(lab.server);
  const { change } = await readAccountSecret(managementCluster.admin, namespace);
  await change({ 'account-url': other.accountUrl });
  const { source } = startWorker();
  await expect(order(source)).rejects.toMatchObject({ code: 'acme/accountInvalid' });
  await source.close();
  expect(accountUrl).not.toBe(other.accountUrl);
});
