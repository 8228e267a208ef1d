-- Whether any host is named as a way outside (store/gateway-host.ts) is asked whenever hosts are told something: not by reading all of them.
create index host_gateway on host (id) where labels->>'gateway' = 'true' and removed_at is null;
