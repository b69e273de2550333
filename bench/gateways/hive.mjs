/** Hive Gateway's settings. Sharing of identical client queries is on where it can pay: in the run of identical ones. */
import { defineConfig } from '@graphql-hive/gateway';

export const gatewayConfig = defineConfig({
  inboundInflightRequestDeduplication: process.env.BENCH_SHARE === 'true',
});
