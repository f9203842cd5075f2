import { executables } from '../../local/build/executables.ts';

/** Builds what the tests would otherwise build within their time-outs. */
export default async function setUp(): Promise<void> {
  await executables(['temporal', 'temporal-test-server']);
}
