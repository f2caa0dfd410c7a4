// Classes of C++: a base class with a table of virtual functions, an empty one, a static member, a reference.
struct Empty {};

class Base {
  public:
    virtual ~Base() {}
    int x;
    char c;
};

class Derived : public Base, Empty {
  public:
    static int count;
    char a;
    long b;
    char d;
    int &r;
    Derived(int &q) : r(q) {}
};

int Derived::count = 3;

int main() {
    int q = 0;
    Derived d(q);
    return d.x;
}
