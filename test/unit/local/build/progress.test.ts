import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { lineProgress } from '../../../../local/build/progress.ts';

test('a line at the beginning, ticks in between, a line at the end, and then no more', async () => {
  const lines: string[] = [];
  const piece = lineProgress((line) => lines.push(line), 20).begin('etcd 3.7', 'building');
  await sleep(70);
  piece.done();
  const said = lines.length;
  await sleep(50);
  expect(lines[0]).toBe('etcd 3.7: building');
  expect(lines.slice(1, -1)).toContain('etcd 3.7: still at it, 0 s');
  expect(lines.at(-1)).toBe('etcd 3.7: done after 0 s');
  expect(lines).toHaveLength(said);
});
