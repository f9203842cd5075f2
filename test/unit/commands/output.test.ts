import { describe, expect, it } from 'vitest';
import { parseClusterName } from '../../../src/commands/cluster-argument.ts';
import { describeError, instant, relative, table, UsageError } from '../../../src/commands/output.ts';
import { byUrgency, clusterAsText, type FleetLine, fleetAsText } from '../../../src/commands/status/status-view.ts';
import { CertmanError } from '../../../src/failures/failure.ts';

const NOW = Date.parse('2026-11-23T12:00:00Z');
const at = (ms: number): string => new Date(NOW + ms).toISOString();

describe('an instant', () => {
  it.each([
    [45 * 86_400_000, 'in 45 d'],
    [47 * 3_600_000, 'in 47 h'],
    [-90 * 60_000, '90 m ago'],
    [30_000, 'in 30 s'],
    [100, 'now'],
  ])('%d ms away is told as "%s"', (distance, told) => expect(relative(at(distance), NOW)).toBe(told));

  it('that is missing or unreadable is a dash', () => {
    expect(relative(undefined)).toBe('–');
    expect(relative('soon')).toBe('–');
    expect(instant('soon')).toBe('–');
  });
});

describe('a table', () => {
  it('has columns as wide as their widest cell and no blanks at line ends', () => {
    expect(table(['A', 'LONG'], [['wide cell', 'x']])).toBe('A          LONG\nwide cell  x');
  });
});

describe('the name of a cluster', () => {
  it('is namespace/name', () => {
    expect(parseClusterName('uhc-1/demo.x')).toEqual({ namespace: 'uhc-1', name: 'demo.x' });
  });
  it.each(['demo', 'a/b/c', '/x', 'x/', 'A/b', "a/b' OR 1=1", ''])('is not "%s"', (text) => {
    expect(() => parseClusterName(text)).toThrow(UsageError);
  });
});

describe('a failed command', () => {
  it('ends with 2 for wrong use and configuration, with 1 for all else, and says what to do', () => {
    expect(describeError(new UsageError('no'))).toEqual({ message: 'no', exitCode: 2 });
    expect(describeError(new CertmanError({ code: 'configuration/invalid', message: 'm', next: 'n' }))).toEqual({
      message: 'm\nn',
      exitCode: 2,
    });
    expect(describeError(new CertmanError({ code: 'kubernetes/unreachable', message: 'm' })).exitCode).toBe(1);
    expect(describeError(new Error('x')).exitCode).toBe(1);
  });
});

const line = (cluster: string, state: string, notAfter?: string): FleetLine => ({
  cluster,
  state,
  ...(notAfter === undefined ? {} : { notAfter }),
});

describe('the fleet', () => {
  it('is shown with the most urgent first: by state, then by expiry', () => {
    const lines = [
      line('a/ready-late', 'Ready', at(2)),
      line('a/ready-soon', 'Ready', at(1)),
      line('a/failing', 'Failing', at(9)),
      line('a/failing-without', 'Failing'),
      line('a/odd', 'Unheard'),
    ];
    expect(lines.toSorted(byUrgency).map(({ cluster }) => cluster)).toEqual([
      'a/odd',
      'a/failing-without',
      'a/failing',
      'a/ready-soon',
      'a/ready-late',
    ]);
  });

  it('says so when it is empty', () => {
    expect(fleetAsText({ source: 'temporal', clusters: [] })).toContain('Nothing is served');
  });
});

describe('a cluster', () => {
  it('is shown with each certificate, why, and what happens next', () => {
    const text = clusterAsText({
      source: 'temporal',
      cluster: 'ns/demo',
      workflowId: 'cluster/hive/ns/demo/uid',
      certificates: [
        {
          bundle: 'primary',
          state: 'Failing',
          message: 'The CA said no.',
          dnsNames: ['api.demo.example.com'],
          nextAttempt: '2026-11-23T13:00:00Z',
        },
      ],
    });
    for (const part of [
      'ns/demo',
      'primary: Failing',
      'The CA said no.',
      '2026-11-23 13:00:00Z',
      'api.demo.example.com',
    ]) {
      expect(text).toContain(part);
    }
  });
});
