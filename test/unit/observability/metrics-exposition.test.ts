import { expect, test } from 'vitest';
import { MetricsExposition } from '../../../src/observability/metrics-exposition.ts';

async function* source(): AsyncGenerator<string> {
  yield 'certman_watch_synced 1\n';
}

test('a source that takes the place of another one during a scrape repeats no series of it', async () => {
  const exposition = new MetricsExposition();
  const remove = exposition.add(source);
  let text = '';
  for await (const part of exposition.parts()) {
    text += part;
    if (!part.includes('synced') || text.match(/synced/g)?.length !== 1) continue;
    remove();
    exposition.add(() => source());
  }
  expect(text.match(/synced/g)).toHaveLength(1);
  expect((await exposition.metrics()).match(/synced/g)).toHaveLength(1);
});
