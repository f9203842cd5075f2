import { expect, test } from 'vitest';
import { exposedMetrics } from '../../support/prometheus/exposed-metrics.ts';
import { read } from '../repository/files.ts';

const documented = read('docs/monitoring.md');

test('every metric is in docs/monitoring.md, and no other one', () => {
  const rows = [...documented.matchAll(/^\| (`certman_[^|]+)\|[^|]*\|/gm)];
  const found = new Set(rows.flatMap(([, names = '']) => [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name)));
  const exposed = exposedMetrics();
  const isOfHistogram = (name: string): boolean =>
    exposed.has(name.replace(/_(bucket|sum|count)$/, '')) && /_(bucket|sum|count)$/.test(name);
  const names = [...exposed.keys()].filter((name) => name.startsWith('certman_') && !isOfHistogram(name));
  expect(found).toEqual(new Set(names));
});
