/** The account key is replaced while a cluster's order is in progress. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ACCOUNT, readAccount } from '../../support/e2e/account-secret.ts';
import { waitFor } from '../../support/e2e/checks.ts';
import { createCluster, deleteCluster } from '../../support/e2e/clusters.ts';
import { caLog, expectDecommissioned, expectIdle, waitUntilCertified } from '../../support/e2e/evidence.ts';
import { findSecrets, privateKeyPatterns, secretPattern } from '../../support/e2e/find-secrets.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { type RunRecording, recordRun, runTexts, workerTexts } from '../../support/e2e/run-texts.ts';
import { endProcesses, expectExit, runCertman } from '../../support/process/certman-process.ts';

const lab = useE2eHarness({ worker: { CERTMAN_LOG_LEVEL: 'trace' } });

let recording: RunRecording;
let commandOutput = '';
beforeAll(() => {
  recording = recordRun(lab());
});
afterAll(() => recording?.stop());

afterAll(endProcesses);

/** By default with the rights of certman's ServiceAccount. */
async function rollOver(more: Readonly<Record<string, string>> = {}, code?: number): Promise<string> {
  const directoryUrl = `${lab().ca.url}/dir`;
  const environment = { ...lab().commandEnvironment(), CERTMAN_ACME_DIRECTORY_URL: directoryUrl, ...more };
  const { output } = await expectExit(runCertman(['account', 'rollover', '--yes'], environment), code);
  commandOutput += output;
  return output;
}

test('an order in progress is resumed, and what was issued before is revoked at the deletion', async () => {
  const earlier = await createCluster(lab(), 'before-rollover');
  const { serialNumber } = await waitUntilCertified(lab(), earlier);
  const { orders } = await caLog(lab());

  const isDone = Promise.withResolvers<void>();
  const answers = lab().ca.inject({
    when: ({ path }) => path.startsWith('/chalZ/'),
    fault: { kind: 'hold', until: isDone.promise },
  });
  const waiting = await createCluster(lab(), 'during-rollover');
  await waitFor('the CA is asked to validate', async () => (answers.hits() > 0 ? {} : 'it is not'));
  const before = await readAccount(lab());
  expect(await rollOver({}, 1)).toContain('certman may only write Secrets of type kubernetes.io/tls');
  expect(await readAccount(lab())).toEqual(before);
  await rollOver({ KUBECONFIG: lab().stack.kubernetes.adminKubeconfig });
  expect((await readAccount(lab()))['private-key']).not.toBe(before['private-key']);
  answers.remove();
  isDone.resolve();

  await waitUntilCertified(lab(), waiting);
  expect((await caLog(lab())).orders).toBe(orders + 1);
  await deleteCluster(lab(), earlier);
  await expectDecommissioned(lab(), earlier, { revoked: [serialNumber] });
  await expectIdle(lab());
});

test('none of its keys is in a history, log, metric, object or output of the command', async () => {
  const [worker] = lab().workers();
  if (worker === undefined) throw new Error('there is a worker');
  const texts = [
    ...(await workerTexts(worker)),
    ...(await runTexts(lab(), recording)),
    { where: 'output', text: commandOutput },
  ];
  const data = recording.secrets.objects
    .filter(({ metadata }) => metadata.name === ACCOUNT.name)
    .map((secret) => secret['data'] as Readonly<Record<string, string>>);
  const found = (entry: string) => new Set(data.flatMap((entries) => entries[entry] ?? []));
  const decoded = (entry: string) => [...found(entry)].map((text) => Buffer.from(text, 'base64').toString());
  expect(decoded('private-key')).toHaveLength(2);
  expect(decoded('next-private-key')).toHaveLength(1);
  const needles = [
    ...decoded('private-key').flatMap((pem) => privateKeyPatterns('account key', pem)),
    ...decoded('seal-key').map((text) => secretPattern('key of the seals', Buffer.from(text, 'base64url'))),
  ];
  expect(findSecrets(texts, needles)).toEqual([]);
  // The same search finds what is public.
  const [, thumbprint = ''] = /thumbprint ([\w-]{43})/.exec(commandOutput) ?? [];
  const places = (what: string, text: string): string => findSecrets(texts, [{ what, forms: [text] }]).join('\n');
  expect(places('the thumbprint', thumbprint)).toMatch(/output/);
  expect(places('the zone', lab().zone.name)).toMatch(/history of issue/);
});
