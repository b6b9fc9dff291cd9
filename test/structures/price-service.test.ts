import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

test('a service of the built package: 100 sockets get one message, charged once; a scan stays within its bound; subscribers take a chunk', async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['test/fixtures/price-service.js']);
  expect(stderr).toBe('');
  const messageBytes = 1091;
  expect(JSON.parse(stdout)).toEqual({
    changes: 20,
    isSame: true,
    messageBytes,
    pendingBytes: messageBytes,
    sendingBytes: messageBytes,
    scannedBytes: 1_000_000,
    scanPeakBytes: expect.any(Number),
    refused: 'MEMTOOL_LIMIT',
    // One chunk of rows, the smallest chunk of texts and its chains.
    table: { size: 100, usedBytes: 2048 * (8 + 4 + 4 + 8 + 1) + 16_384 + 256 },
    usedBytes: 0,
  });
  expect(JSON.parse(stdout).scanPeakBytes).toBeLessThanOrEqual(4096);
});
