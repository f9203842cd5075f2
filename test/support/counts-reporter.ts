/** The last line of `npm test`: how many passed and failed, alone on a line, for people in a hurry and for CI. */
import type { Reporter, TestModule } from 'vitest/node';

export default class CountsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      let any = false;
      for (const test of module.children.allTests()) {
        any = true;
        const { state } = test.result();
        if (state === 'passed') counts.passed += 1;
        else if (state === 'failed') counts.failed += 1;
        else counts.skipped += 1;
      }
      // A file that could not be loaded, or whose set-up failed, has no test to say so.
      if (module.state() === 'failed' && (!any || module.errors().length > 0)) counts.failed += 1;
    }
    counts.failed += unhandledErrors.length;
    const skipped = counts.skipped === 0 ? '' : `, ${counts.skipped} skipped`;
    // After the other reporters have said theirs.
    process.once('exit', () => {
      process.stdout.write(`${counts.passed} passed, ${counts.failed} failed${skipped}\n`);
    });
  }
}
