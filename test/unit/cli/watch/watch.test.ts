import { expect, test } from 'vitest';
import { fitted } from '../../../../src/cli/watch/views.ts';
import { watch } from '../../../../src/cli/watch/watch.ts';

/** Reads one after the other: values, and errors that are thrown. Aborts once all are read and shown. */
function sourceOf(reads: readonly (string | Error)[]) {
  const shown: string[] = [];
  const end = new AbortController();
  let next = 0;
  const source = {
    read: async () => {
      const found = reads[next];
      next += 1;
      if (found instanceof Error) throw found;
      return await Promise.resolve(found ?? '');
    },
    isPassing: (error: unknown) => error instanceof Error && error.message.startsWith('away'),
  };
  const view = {
    show: (report: string, problem: string | undefined) => {
      shown.push(problem === undefined ? report : `${report} (${problem})`);
      if (next >= reads.length) end.abort();
    },
  };
  return { source, view, shown, end };
}

test('shows each report, keeps the last one while it cannot be read, and returns when it is interrupted', async () => {
  const { source, view, shown, end } = sourceOf(['one', new Error('away'), new Error('away too'), 'two']);
  await watch(source, view, end.signal, 1);
  expect(shown).toEqual(['one', 'one (away)', 'one (away too)', 'two']);
});

test('ends with the error of the first read, and later with one that does not pass', async () => {
  const first = sourceOf([new Error('away')]);
  await expect(watch(first.source, first.view, first.end.signal, 1)).rejects.toThrow('away');
  const later = sourceOf(['one', new Error('forbidden')]);
  await expect(watch(later.source, later.view, later.end.signal, 1)).rejects.toThrow('forbidden');
  expect(later.shown).toEqual(['one']);
});

test('ends after the last report', async () => {
  const { source, view, shown, end } = sourceOf(['begun', 'ended', 'never read']);
  await watch({ ...source, isLast: (report) => report === 'ended' }, view, end.signal, 1);
  expect(shown).toEqual(['begun', 'ended']);
});

test('a read that does not answer does not hold up the end', async () => {
  const end = new AbortController();
  const watching = watch(
    { read: () => new Promise(() => undefined), isPassing: () => true },
    { show: () => undefined },
    end.signal,
  );
  end.abort();
  await watching;
});

test('what does not fit on the terminal is left out, and counted', () => {
  expect(fitted(['a', 'bcdef'], 4, 10)).toEqual(['a', 'bcd…']);
  expect(fitted(['1', '2', '3', '4', '5'], 80, 4)).toEqual(['1', '2', '… and 3 more lines']);
  expect(fitted(['1', '2', '3'], 80, 4)).toEqual(['1', '2', '3']);
});
