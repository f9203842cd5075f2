/**
 * The last lines of `npm test`: what took longest, and how many passed and failed, alone on the last line, for people in a hurry
 * and for CI.
 */
import { relative } from 'node:path';
import type { Reporter, TestModule, TestRunEndReason } from 'vitest/node';

const MAX_LISTED = 10;

interface Duration {
  readonly what: string;
  readonly ms: number;
}

export default class CountsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[], reason: TestRunEndReason): void {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    const files: Duration[] = [];
    const tests: Duration[] = [];
    for (const module of modules) {
      const file = relative('', module.moduleId);
      let any = false;
      for (const test of module.children.allTests()) {
        any = true;
        const { state } = test.result();
        if (state === 'passed') counts.passed += 1;
        else if (state === 'failed') counts.failed += 1;
        else counts.skipped += 1;
        tests.push({ what: `${file}: ${test.fullName}`, ms: test.diagnostic()?.duration ?? 0 });
      }
      files.push({ what: file, ms: module.diagnostic().duration });
      // A file that could not be loaded, or whose set-up failed, has no test to say so.
      if (module.state() === 'failed' && (!any || module.errors().length > 0)) counts.failed += 1;
    }
    counts.failed += unhandledErrors.length;
    // A failed set-up of the whole run belongs to no file.
    if (reason === 'failed' && counts.failed === 0) counts.failed = 1;
    const skipped = counts.skipped === 0 ? '' : `, ${counts.skipped} skipped`;
    const text = [
      ...slowest('files', files),
      ...slowest('tests', tests),
      `${counts.passed} passed, ${counts.failed} failed${skipped}`,
    ];
    // After the other reporters have said theirs.
    process.once('exit', () => {
      process.stdout.write(`${text.join('\n')}\n`);
    });
  }
}

function slowest(kind: string, taken: readonly Duration[]): readonly string[] {
  const first = taken.toSorted((one, other) => other.ms - one.ms).slice(0, MAX_LISTED);
  return [`The slowest ${kind}:`, ...first.map(({ what, ms }) => `${(ms / 1000).toFixed(1).padStart(7)} s  ${what}`)];
}
