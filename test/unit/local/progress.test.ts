import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { lineProgress, progressOn } from '../../../local/stack/progress.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

test('prints a line at the start, at each tick and at the end, and no later line', () => {
  const lines: string[] = [];
  const piece = lineProgress((line) => lines.push(line), 20).begin('etcd 3.7', 'building');
  vi.advanceTimersByTime(70);
  piece.done();
  const said = lines.length;
  vi.advanceTimersByTime(50);
  expect(lines[0]).toBe('etcd 3.7: building');
  expect(lines.slice(1, -1)).toContainEqual(expect.stringMatching(/^etcd 3\.7: 0\.\d s, building$/));
  expect(lines.at(-1)).toMatch(/^etcd 3\.7: done after 0\.\d s$/);
  expect(lines).toHaveLength(said);
});

test('installs no signal handlers on a terminal', () => {
  const written: string[] = [];
  const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 80, rows: 24 });
  terminal.on('data', (chunk: Buffer) => written.push(chunk.toString()));
  const handlers = () => ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => process.listenerCount(signal));
  const before = handlers();
  const piece = progressOn(terminal as unknown as NodeJS.WriteStream).begin('etcd 3.7', 'building');
  expect(handlers()).toEqual(before);
  piece.done();
  expect(written.join('')).toContain('etcd 3.7');
});
