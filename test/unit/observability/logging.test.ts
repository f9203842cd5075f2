import { DefaultLogger } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../src/observability/logging.ts';
import { createTemporalLogger, dropUnwrittenLevels, subjectOf } from '../../../src/observability/temporal-logger.ts';

function capture(format: 'json' | 'text' = 'json') {
  const lines: string[] = [];
  const logger = createLogger(
    { logLevel: 'info', logFormat: format },
    { write: (line: string) => void lines.push(line) },
  );
  return { logger, lines, records: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('a record of an activity', () => {
  it('has cluster, bundle, workflow, activity and attempt, and no task token', () => {
    const { logger, records } = capture();
    createTemporalLogger(logger).warn('not visible yet', {
      workflowId: 'issue/hive/ns/demo/uid-1/primary/2',
      workflowRunId: 'run-1',
      activityType: 'verifyPropagation',
      attempt: 3,
      taskToken: Buffer.from('t'),
      namespace: 'default',
    });
    const [record] = records();
    expect(record).toMatchObject({
      level: 'warn',
      message: 'not visible yet',
      cluster: 'ns/demo',
      bundle: 'primary',
      workflowId: 'issue/hive/ns/demo/uid-1/primary/2',
      runId: 'run-1',
      activity: 'verifyPropagation',
      attempt: 3,
    });
    expect(Object.keys(record ?? {})).not.toContain('taskToken');
    expect(Object.keys(record ?? {})).not.toContain('namespace');
  });

  it('is omitted below the level', () => {
    const { logger, lines } = capture();
    createTemporalLogger(logger).debug('detail');
    expect(lines).toEqual([]);
  });

  it('shows an error with its causes', () => {
    const { logger, records } = capture();
    createTemporalLogger(logger).error('failed', { error: new Error('outer', { cause: new TypeError('inner') }) });
    expect(records()[0]?.['error']).toMatchObject({ message: 'outer', cause: { type: 'TypeError', message: 'inner' } });
  });
});

describe('an outage of Temporal', () => {
  it('does not fill the log with the retries of the native core', () => {
    const { logger, lines } = capture();
    const temporal = createTemporalLogger(logger);
    for (let retry = 0; retry < 50; retry += 1)
      temporal.warn(`gRPC call poll_activity_task_queue retried ${retry} times`);
    expect(lines.length).toBe(1);
  });
});

describe("the SDK's collector of logs", () => {
  it.each([
    ['trace', ['trace', 'debug', 'info', 'warn', 'error']],
    ['debug', ['debug', 'info', 'warn', 'error']],
    ['info', ['info', 'warn', 'error']],
    ['warn', ['warn', 'error']],
    ['error', ['error']],
  ] as const)('keeps, at the level %s, what is written, and nothing of the others', (logLevel, written) => {
    const kept: string[] = [];
    const collector = new DefaultLogger('TRACE', ({ message }) => kept.push(message));
    dropUnwrittenLevels(collector, createLogger({ logLevel, logFormat: 'json' }, { write: () => undefined }));
    for (const level of ['trace', 'debug', 'info', 'warn', 'error'] as const) collector[level](level);
    expect(kept).toEqual(written);
  });
});

describe('the cluster and bundle of a workflow ID', () => {
  it.each([
    ['cluster/hive/ns/demo/uid', { cluster: 'ns/demo' }],
    ['request/hive/ns/web/uid', { cluster: 'ns/web' }],
    ['issue/hive/ns/demo/uid/primary/1', { cluster: 'ns/demo', bundle: 'primary' }],
    ['watch/hive', {}],
    ['something else', {}],
  ])('%s', (id, subject) => expect(subjectOf(id)).toEqual(subject));
});

describe('the text log', () => {
  it('is a line with the fields after the message, and the stack below', () => {
    const { logger, lines } = capture('text');
    logger.info({ cluster: 'ns/demo', error: new Error('bad') }, 'hello');
    expect(lines.join('')).toMatch(/^\d\d:\d\d:\d\d\.\d{3} INFO {2}hello {2}cluster=ns\/demo\n {4}Error: bad\n/);
  });
});
