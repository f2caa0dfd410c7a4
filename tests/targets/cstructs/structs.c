/* Structures of C, and what the compiler says of them: a line per structure ("NAME - SIZE ALIGNMENT") and per field
   ("NAME FIELD OFFSET SIZE"). */
#include <stddef.h>
#include <stdio.h>

struct item { char a; int b; short c; };
typedef struct { char x; double y; char z; struct item it[2]; void *p; int (*fn)(int); } anon_t;
struct __attribute__((packed)) packed { char a; int b; short c; };
struct bits { unsigned a : 3; unsigned b : 5; int c; unsigned long d : 40; char e; };
union either { int a; double b; char c[16]; };
struct aligned { char a; _Alignas(32) int b; long double ld; };
struct self { struct self *next; union either u; const char *name; enum { A, B } e; };

struct item item;
anon_t anon;
struct packed packed;
struct bits bits;
union either either;
struct aligned aligned;
struct self self;

#define WHOLE(type) printf("%s - %zu %zu\n", #type, sizeof(type), _Alignof(type))
#define FIELD(type, field) \
    printf("%s %s %zu %zu\n", #type, #field, offsetof(type, field), sizeof((type *)0)->field)

int main(void) {
    WHOLE(struct item);
    FIELD(struct item, a); FIELD(struct item, b); FIELD(struct item, c);
    WHOLE(anon_t);
    FIELD(anon_t, x); FIELD(anon_t, y); FIELD(anon_t, z); FIELD(anon_t, it); FIELD(anon_t, p); FIELD(anon_t, fn);
    WHOLE(struct packed);
    FIELD(struct packed, a); FIELD(struct packed, b); FIELD(struct packed, c);
    WHOLE(struct bits);
    FIELD(struct bits, c); FIELD(struct bits, e);
    WHOLE(union either);
    FIELD(union either, a); FIELD(union either, b); FIELD(union either, c);
    WHOLE(struct aligned);
    FIELD(struct aligned, a); FIELD(struct aligned, b); FIELD(struct aligned, ld);
    WHOLE(struct self);
    FIELD(struct self, next); FIELD(struct self, u); FIELD(struct self, name); FIELD(struct self, e);
    return 0;
}
