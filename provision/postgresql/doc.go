// Package postgresql gives people access to PostgreSQL: for each grant a login
// role of its own, which has exactly the chosen resources, expires by itself, and
// is dropped in the end. It needs version 14, and is tested on 15 and 18.
//
// # The bot's role
//
// A superuser will do, and needs nothing else. Better is a role that can make
// roles and that may give away what is offered. Let it own that, through
// membership in the owner's role:
//
//	CREATE ROLE apono_bot LOGIN CREATEROLE PASSWORD '…'
//	GRANT shop_owner TO apono_bot
//
// or let it have no more than it gives, in each database and schema:
//
//	CREATE ROLE apono_bot LOGIN CREATEROLE PASSWORD '…'
//	GRANT ALL ON DATABASE shop TO apono_bot WITH GRANT OPTION
//	GRANT ALL ON SCHEMA public TO apono_bot WITH GRANT OPTION
//	GRANT ALL ON ALL TABLES IN SCHEMA public TO apono_bot WITH GRANT OPTION
//	GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO apono_bot WITH GRANT OPTION
//	ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner IN SCHEMA public GRANT ALL ON TABLES TO apono_bot WITH GRANT OPTION
//	ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner IN SCHEMA public GRANT ALL ON SEQUENCES TO apono_bot WITH GRANT OPTION
//
// Instead of ALL, CONNECT, USAGE and SELECT are enough where only read_only is
// asked for. The role must not be NOINHERIT. It becomes a member of the roles that
// it makes, so pg_signal_backend is not needed. Whatever lies in an offered
// database and cannot be given away makes a grant of the whole database refused,
// with its name; exclude_schemas leaves schemas out.
//
// If another role takes over as the bot while grants are live, make it a member
// of the former one, with ADMIN OPTION on the roles that are left from version 16
// on; or let a superuser revoke them.
//
// # Resources
//
// Types are database, schema and table; the last is any relation that is read
// like a table. Ids are the names from the outside in, joined by "/", with "%" as
// %25 and "/" as %2F: shop, shop/public, shop/public/orders. Not offered are
// system schemas, what belongs to an extension, and partitions, which are reached
// through their table.
//
//	            database           schema         table, view           sequence
//	read_only   CONNECT            USAGE          SELECT                SELECT
//	read_write  CONNECT            USAGE          SELECT, INSERT,       SELECT, USAGE
//	                                              UPDATE, DELETE
//	admin       CONNECT, CREATE,   USAGE, CREATE  all but TRIGGER       all
//	            TEMPORARY
//
// A schema brings CONNECT on its database, and a table USAGE on its schema as
// well; with read_write and admin it brings the sequences that its columns own.
//
// TRIGGER is never given. A trigger runs with the rights of whoever writes next,
// so it would reach above the grant and outlive it. What admin can still do is
// make functions and tables in the chosen schemas: whoever has a search_path with
// such a schema in it should trust the people who are admin there.
//
// A grant covers what is there at the time. Tables that come later are covered by
// a repeat of the grant. ALTER DEFAULT PRIVILEGES is not used: it works for one
// creating role at a time, and only for those the bot is a member of.
//
// What the server gives to PUBLIC, everybody has, and no driver can take it from
// one role: by default CONNECT and TEMPORARY on every database, the catalogs with
// the names of everything in it, EXECUTE on functions, and in databases that come
// from version 14 CREATE on schema public. Revoke from PUBLIC what people should
// not have without a grant. Row level security applies to people as to anybody.
//
// # Order of a grant
//
// First the role, without login, with a comment that names the grant; then, in one
// transaction for each database, exactly what was chosen, and nothing of what an
// earlier call with other items gave; last the login, with a new password and
// VALID UNTIL. A call that breaks off leaves a role that nobody can log in as, or
// one that could log in before; a repeat goes on from there, and Revoke finds it by
// its name and comment. Roles without that comment are never touched.
//
// The server gets a SCRAM verifier that is made here. The clear password is in no
// statement, and so in no log. pg_hba.conf must ask for scram-sha-256 or md5.
// Like any role, the person's may change its own password and settings; both end
// with it. What it cannot change is when it ends.
//
// # Order of a revoke
//
// First no login and no password; then live sessions are ended; then, database by
// database, what the role owns is handed on and its privileges are revoked; last
// the role is dropped. What cannot be cleaned up is an error that names it, and
// leaves a role that nobody can use. Such is what an owner gave to the role by
// hand, where the bot has grant options alone, and what lies in a database that
// takes no connections.
//
// What people made is not dropped. Its new owner is a role without login and
// without any rights, apono_kept_… (one for each bot). It is deliberately not the
// owner of the database and not the bot: views and SECURITY DEFINER functions run
// with the rights of their owner, so a person could leave code behind that then
// ran with theirs. Look at what is kept, then REASSIGN OWNED or drop it.
//
// # Locks
//
// Writers of bots follow each other in each database, by an advisory lock: two
// GRANTs on one object at the same time fail. No lock is waited for longer than
// 20 s. Every transaction pins search_path, so that what people made in a schema
// cannot take the place of a system function.
//
// One server should be known under one integration name only, and to one
// installation: List tells by integration which roles are ours.
//
// The package must not know requests, policy or chat. It never logs.
package postgresql
