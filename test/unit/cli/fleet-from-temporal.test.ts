import { Client, type ConnectionLike } from '@temporalio/client';
import { expect, onTestFinished, test, vi } from 'vitest';
import { attentionFromTemporal, fleetFromTemporal } from '../../../src/cli/status/from-temporal.ts';
import { workflowPages } from '../../../src/controller/workflow-pages.ts';
import { clientWithLists, execution } from '../../support/temporal/client-with-lists.ts';

const LONG_NAME = 'n'.repeat(250);

/** @param asked gets the token of each page that is asked for. */
function clientWithPages(pages: readonly (readonly object[])[], asked: string[]): Client {
  const connection = {
    plugins: [],
    withDeadline: (_deadline: number, call: () => unknown) => call(),
    workflowService: {
      listWorkflowExecutions: ({ nextPageToken }: { readonly nextPageToken: Uint8Array }) => {
        const page = Number(Buffer.from(nextPageToken).toString());
        asked.push(String(page));
        const next = page + 1 < pages.length ? String(page + 1) : '';
        return Promise.resolve({ executions: pages[page] ?? [], nextPageToken: Buffer.from(next) });
      },
    },
  };
  return new Client({ connection: connection as unknown as ConnectionLike });
}

test('a cluster whose run continues as new while the pages are read is there, once, as it is then', async () => {
  const queries: string[] = [];
  const startedAt = Date.parse('2026-12-01T00:00:00Z');
  const list = [[execution('newest', { startedAt }), execution('twice', { state: 'Renewing' })], [execution('oldest')]];
  const meanwhile = [[execution('lost'), execution('twice')]];
  const { clusters } = await fleetFromTemporal(clientWithLists([list, meanwhile], queries), 'hive');
  expect(clusters.map(({ cluster, state }) => `${cluster} ${state}`).sort()).toEqual(
    ['lost', 'newest', 'oldest', 'twice'].map((name) => `ns/${name} Ready`),
  );
  expect(queries[1]).toBe(`${queries[0]} AND StartTime >= '2026-11-30T23:59:50.000Z'`);
});

test('a list of one page asks once, and for what has continued as new', async () => {
  const queries: string[] = [];
  const continuedQueries: string[] = [];
  const page = [execution('a', { startedAt: Date.now() })];
  await fleetFromTemporal(clientWithLists([[page]], queries, { continuedQueries }), 'hive');
  expect(queries).toEqual([expect.stringMatching(/ AND ExecutionStatus = 'Running'$/)]);
  expect(continuedQueries).toEqual([
    expect.stringMatching(/^WorkflowType .* AND ExecutionStatus = 'ContinuedAsNew' AND CloseTime >= '2/),
  ]);
});

test('a cluster whose run has ended before its next one is visible is there, and none that has ended since', async () => {
  const queries: string[] = [];
  const ended = ['listed', 'between', 'decommissioned'].map((name) => execution(name));
  const latest = [execution('listed', { state: 'Failing' }), execution('between', { state: 'Renewing' })];
  const client = clientWithLists([[[execution('listed')]]], queries, { continued: ended, latest });
  const { clusters } = await fleetFromTemporal(client, 'hive');
  expect(clusters.map(({ cluster, state }) => `${cluster} ${state}`)).toEqual([
    'ns/listed Ready',
    'ns/between Renewing',
  ]);
});

test('of more than a hundred clusters, it lists those that need attention and counts the others', async () => {
  const queries: string[] = [];
  const failing = [[execution('a', { state: 'Failing' })]];
  const client = clientWithLists([failing], queries, { count: (query) => (isAtRest(query) ? 100 : 101) });
  const report = await attentionFromTemporal(client, 'hive');
  expect(report).toMatchObject({ atRest: 100, clusters: [{ cluster: 'ns/a', state: 'Failing' }] });
  expect(queries).toEqual([expect.stringContaining(`CertState != 'Ready'`)]);
});
const isAtRest = (query: string): boolean => query.includes(`CertState = 'Ready'`);

test('a cluster at rest whose run has ended before its next one is visible is counted, and is no row', async () => {
  const counted: string[] = [];
  const count = (query: string): number => {
    counted.push(query);
    // Of 102 clusters, one has no running run.
    return 101;
  };
  const between = [execution('between')];
  const latest = [execution('between', { atRest: true })];
  const failing = [[execution('a', { state: 'Failing' })]];
  vi.setSystemTime('2026-12-01T00:00:05Z');
  onTestFinished(() => void vi.useRealTimers());
  const client = clientWithLists([failing], [], { count, continued: between, latest });
  const report = await attentionFromTemporal(client, 'hive');
  expect(report.clusters.map(({ cluster }) => cluster)).toEqual(['ns/a']);
  expect(report.atRest).toBe(101);
  const at = `'2026-12-01T00:00:00.000Z'`;
  expect(counted.find(isAtRest)).toContain(
    `StartTime <= ${at} AND (ExecutionStatus = 'Running' OR (ExecutionStatus = 'ContinuedAsNew' AND CloseTime > ${at}))`,
  );
});

test('of more than a hundred clusters, it lists all while a search attribute is not registered, and fails for anything else', async () => {
  const queries: string[] = [];
  const client = clientWithLists([[], [[execution('a')]]], queries, { count: 101 });
  const list = vi.spyOn(client.workflowService, 'listWorkflowExecutions');
  const refused = (code: number) => Object.assign(new Error(), { code, details: 'CertAlso', metadata: {} });
  list.mockImplementationOnce(({ query }) => {
    queries.push(query ?? '');
    return Promise.reject(refused(3)) as never;
  });
  const report = await attentionFromTemporal(client, 'hive');
  expect(report.clusters).toMatchObject([{ cluster: 'ns/a' }]);
  expect(report.atRest).toBeUndefined();
  expect(queries).toEqual([expect.stringContaining('CertAlso'), expect.not.stringContaining('CertAlso')]);

  const exhausted = refused(8);
  list.mockImplementationOnce(() => Promise.reject(exhausted) as never);
  await expect(attentionFromTemporal(client, 'hive')).rejects.toBe(exhausted);
});

test('of a hundred clusters, it lists all', async () => {
  const queries: string[] = [];
  const report = await attentionFromTemporal(clientWithLists([[[execution('a')]]], queries, { count: 100 }), 'hive');
  expect(report).toMatchObject({ clusters: [{ cluster: 'ns/a' }] });
  expect(report.atRest).toBeUndefined();
  expect(queries).toEqual([expect.not.stringContaining('CertState')]);
});

test('the rows of all pages, each with its search attributes', async () => {
  const asked: string[] = [];
  const pages = [[execution('a'), { execution: { workflowId: 'cluster/other/ns/x/u' } }], [execution('b')], []];
  const { clusters } = await fleetFromTemporal(clientWithPages(pages, asked), 'hive');
  expect(clusters.map(({ cluster, state, notAfter }) => [cluster, state, notAfter])).toEqual([
    ['ns/a', 'Ready', '2027-01-01T00:00:00.000Z'],
    ['ns/b', 'Ready', '2027-01-01T00:00:00.000Z'],
  ]);
  expect(clusters[0]?.also).toEqual([{ bundle: 'apps', reason: 'DnsNotDelegated' }]);
  // The list again, of the runs that started meanwhile, and once more, of those that have continued as new.
  expect(asked).toEqual(['0', '1', '2', '0', '1', '2', '0', '1', '2']);
});

test('a name that the workflow id truncates is whole', async () => {
  const { clusters } = await fleetFromTemporal(clientWithPages([[execution(LONG_NAME)]], []), 'hive');
  expect(clusters.map(({ cluster }) => cluster)).toEqual([`ns/${LONG_NAME}`]);
});

test('a page that is asked for ahead and fails ends the list, and nothing where the reader has stopped', async () => {
  const failing = new Error('unavailable');
  let asked = 0;
  const connection = {
    plugins: [],
    withDeadline: (_deadline: number, call: () => unknown) => call(),
    workflowService: {
      listWorkflowExecutions: () => {
        asked += 1;
        if (asked % 2 === 0) return Promise.reject(failing);
        return Promise.resolve({ executions: [execution('a')], nextPageToken: Buffer.from('1') });
      },
    },
  };
  const client = new Client({ connection: connection as unknown as ConnectionLike });
  await expect(fleetFromTemporal(client, 'hive')).rejects.toBe(failing);
  for await (const page of workflowPages(client, 'q', 1_000)) {
    expect(page).toHaveLength(1);
    break;
  }
  // Unhandled, its rejection would fail the test by now.
  await new Promise((resolve) => setImmediate(resolve));
  expect(asked).toBe(4);
});
